import numpy as np
import pandas as pd
import pytest
import soundfile

from emohrnet_tf.corpora import read_corpus, read_index, write_index
from emohrnet_tf.data.splits import split
from emohrnet_tf.data.targets import read_vad
from emohrnet_tf.errors import InputError

ROWS = [  # FileName, EmoClass, EmoAct, EmoVal, EmoDom, SpkrID, Gender, Split_Set
    ("MSP-PODCAST_0001_0008.wav", "N", 4.2, 4.6, 4.4, "127", "Male", "Train"),
    ("MSP-PODCAST_0001_0019.wav", "A", 6.0, 2.2, 5.8, "127", "Male", "Train"),
    ("MSP-PODCAST_0002_0033.wav", "X", 3.4, 3.8, 3.6, "Unknown", "Unknown", "Train"),
    ("MSP-PODCAST_0002_0039.wav", "H", 5.2, 6.0, 5.0, "Unknown", "Unknown", "Train"),
    ("MSP-PODCAST_0003_0002.wav", "H", 5.6, 6.2, 5.2, "8", "Female", "Development"),
    ("MSP-PODCAST_0004_0001.wav", "A", 6.2, 2.0, 6.0, "31", "Female", "Test1"),
    ("MSP-PODCAST_0004_0002.wav", "O", 3.0, 4.0, 3.8, "31", "Female", "Test1"),
    ("MSP-PODCAST_0005_0001.wav", "S", 2.4, 2.2, 2.8, "99", "Male", "Test2"),
]
COLUMNS = ["FileName", "EmoClass", "EmoAct", "EmoVal", "EmoDom", "SpkrID", "Gender", "Split_Set"]


@pytest.fixture
def root(tmp_path):
    """A small tree in MSP-Podcast's layout: Labels/labels_consensus.csv and Audios."""
    (tmp_path / "Labels").mkdir()
    (tmp_path / "Audios").mkdir()
    pd.DataFrame(ROWS, columns=COLUMNS).to_csv(tmp_path / "Labels" / "labels_consensus.csv", index=False)
    for number, row in enumerate(ROWS):
        t = np.arange(4000) / 16000
        soundfile.write(tmp_path / "Audios" / row[0], 0.3 * np.sin(2 * np.pi * (150 + 31 * number) * t), 16000)
    return tmp_path


def change(root, row, column, value):
    file = root / "Labels" / "labels_consensus.csv"
    table = pd.read_csv(file, dtype=str)
    table.loc[row, column] = value
    table.to_csv(file, index=False)


def test_turns_have_their_labels_scale_speaker_and_part(root, tmp_path):
    index, skipped = read_corpus("msp_podcast", root)
    assert len(skipped) == 0
    assert len(index) == 7, "the other test sets are left out"
    first = index.iloc[0]
    assert (first.emotion, first.speaker, first.sex, first.split) == ("neutral", "127", "male", "train")
    assert (first.valence, first.arousal, first.dominance, first.vad_scale) == (4.6, 4.2, 4.4, "1..7")
    assert index.emotion.isna().tolist() == [False, False, True, False, False, False, True]
    assert index.speaker.nunique() == 5, "turns of unknown speakers are speakers of their own"
    write_index(index, tmp_path / "index.csv")
    again = read_index(tmp_path / "index.csv")
    cube, known = read_vad(again)
    assert known.all()
    np.testing.assert_allclose(cube[0], np.array([4.6, 4.2, 4.4]) / 3 - 4 / 3)
    assert split(again, "given").tolist() == ["train"] * 4 + ["validation"] + ["test"] * 2


def test_another_test_set_may_be_asked_for(root):
    index, _ = read_corpus("msp_podcast", root, test_set="Test2")
    assert index.emotion[index.split == "test"].tolist() == ["sadness"]
    with pytest.raises(InputError, match="Test1, Test2, Test3"):
        read_corpus("msp_podcast", root, test_set="Test4")


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("EmoClass", "Z", "EmoClass 'Z'"),
        ("EmoAct", "high", "not three numbers"),
        ("Split_Set", "Best", "Split_Set 'Best'"),
    ],
)
def test_a_bad_row_is_named_and_the_others_kept(root, column, value, reason):
    change(root, 1, column, value)
    index, skipped = read_corpus("msp_podcast", root)
    assert len(index) == 6
    assert reason in skipped.reason[0]
    assert skipped.file[0].endswith("MSP-PODCAST_0001_0019.wav")


def test_what_is_not_the_corpus_is_refused(root, tmp_path):
    with pytest.raises(InputError, match=r"no file of MSP-Podcast; looked for Labels/labels_consensus.csv"):
        read_corpus("msp_podcast", root / "Audios")
    file = root / "Labels" / "labels_consensus.csv"
    pd.read_csv(file, dtype=str).drop(columns="EmoDom").to_csv(file, index=False)
    with pytest.raises(InputError, match="no column EmoDom"):
        read_corpus("msp_podcast", root)
