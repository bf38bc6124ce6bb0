"""CSV tables of any kind: each is read as an index, or named in one error."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emohrnet_tf.corpora import read_index, write_index
from emohrnet_tf.errors import InputError

NAMES = ["file", "path", "emotion", "label", "speaker", "start", "end", "split", "valence", "arousal", "dominance", "x"]
CELLS = st.one_of(
    st.sampled_from(["a.wav", "b\\c.wav", "Happy", "happy", "nan", "", "0,5", "1e400", "-1", "None", "val", "é", "\t"]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
)


@st.composite
def tables(draw):
    """Text of a table, more or less well formed."""
    separator = draw(st.sampled_from([",", ";", "\t"]))
    names = draw(st.lists(st.sampled_from(NAMES), max_size=6))
    rows = draw(
        st.lists(st.lists(CELLS, min_size=len(names), max_size=len(names) + draw(st.integers(0, 1))), max_size=5)
    )
    return "\n".join(separator.join(row) for row in [names, *rows])


def check(path):
    try:
        index = read_index(path)
    except InputError as error:
        refused = str(error)
    else:
        refused = None
    if refused:
        assert str(path) in refused
        assert "Received: " in refused
        return
    assert len(index)
    assert index["file"].notna().all()
    assert index.columns.is_unique
    copy = path.with_name("copy.csv")
    write_index(index, copy)
    again = read_index(copy)
    assert again["file"].tolist() == index["file"].tolist()
    assert again["emotion"].dropna().tolist() == index["emotion"].dropna().tolist()


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=tables())
def test_a_table_is_read_or_named(tmp_path, text):
    (tmp_path / "table.csv").write_text(text, encoding="utf-8", newline="")
    check(tmp_path / "table.csv")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.binary(max_size=200),
    head=st.sampled_from([b"", b"file,emotion\n", b"\xef\xbb\xbfpath;label\n", b"\xff\xfe"]),
)
def test_bytes_are_read_or_named(tmp_path, data, head):
    (tmp_path / "table.csv").write_bytes(head + data)
    check(tmp_path / "table.csv")


@pytest.mark.slow
@settings(max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=tables())
def test_many_tables_are_read_or_named(tmp_path, text):
    (tmp_path / "table.csv").write_text(text, encoding="utf-8", newline="")
    check(tmp_path / "table.csv")
