import numpy as np
import pandas as pd
import pytest

from emohrnet_tf.config import Head
from emohrnet_tf.data.targets import emotion_numbers, make_sphere, make_targets, read_scale, read_vad
from emohrnet_tf.errors import InputError
from emohrnet_tf.model.sphere import Sphere

NAN = float("nan")


@pytest.fixture
def index():
    """Two scales, a row without dimensions, a row without emotion."""
    return pd.DataFrame(
        {
            "file": [f"/speech/{name}.wav" for name in "abcde"],
            "emotion": ["neutral", "anger", "anger", None, "neutral"],
            "valence": [3.0, 1.0, NAN, 7.0, 3.0],
            "arousal": [3.0, 5.0, NAN, 1.0, 2.0],
            "dominance": [3.0, 4.0, NAN, 4.0, 4.0],
            "vad_scale": ["1..5", "1..5", None, "1..7", "1..5"],
        }
    )


def test_each_row_is_read_on_its_own_scale(index):
    cube, known = read_vad(index)
    assert known.tolist() == [True, True, False, True, True]
    np.testing.assert_allclose(cube[[0, 1, 3]], [[0, 0, 0], [-1, 1, 0.5], [1, -1, 0]])


@pytest.mark.parametrize(
    ("row", "column", "value", "message"),
    [
        (1, "arousal", NAN, "b.wav: arousal is missing"),
        (1, "arousal", 6.0, "b.wav: arousal lies outside its scale 1..5"),
        (3, "vad_scale", None, "d.wav: valence, arousal and dominance without their scale"),
        (3, "vad_scale", "1-7", "written low..high"),
        (3, "vad_scale", "7..1", "written low..high"),
    ],
)
def test_a_bad_label_is_named_with_its_clip_and_the_fix(index, row, column, value, message):
    index.loc[row, column] = value
    with pytest.raises(InputError, match=message):
        read_vad(index)


def test_an_index_without_a_dimension_is_refused(index):
    with pytest.raises(InputError, match="add dominance to the index"):
        read_vad(index.drop(columns="dominance"))


def test_the_sphere_has_the_training_clips_scale_and_the_origin_asked_for(index):
    train = np.array([0, 1, 4])
    assert make_sphere(index, Head("vad"), train) == Sphere(1, 5)
    neutral = make_sphere(index, Head("vad", center="neutral", step=45), train)
    np.testing.assert_allclose(neutral.center, [0, -0.25, 0.25])
    assert neutral.regions == 32


def test_labels_from_which_nothing_can_be_learnt_are_refused(index):
    constant = index.assign(dominance=[3.0, 3.0, NAN, 3.0, 3.0])
    with pytest.raises(InputError, match="dominance is the same for all training clips"):
        make_sphere(constant, Head("vad"), [0, 1, 4])
    with pytest.raises(InputError, match="Two training clips or more need"):
        make_sphere(index, Head("vad"), [1, 2])
    with pytest.raises(InputError, match="needs neutral training clips"):
        make_sphere(index, Head("vad", center="neutral"), [1, 3])
    with pytest.raises(InputError, match="one of midpoint, neutral"):
        make_sphere(index, Head("vad", center="mean"), [0, 1])


def test_targets_hold_nothing_where_nothing_is_known(index):
    labels, sphere, train = ["neutral", "anger"], Sphere(1, 5), np.array([0, 1, 3, 4])
    assert emotion_numbers(index, labels).tolist() == [0, 1, 1, -1, 0]
    targets = make_targets(index, labels, Head("joint"), sphere, train)
    assert targets["logits"].tolist() == [[1, 0], [0, 1], [0, 1], [0, 0], [1, 0]]
    assert targets["dimensions"][:, 3].tolist() == [1, 1, 0, 1, 1]
    assert targets["regions"][2].sum() == 0
    # octants of (arousal, valence, dominance): +++, +-+, -, -++, -++
    assert targets["regions"].argmax(axis=1)[[0, 1, 3, 4]].tolist() == [0, 3, 1, 1]
    assert targets["regions"].sum(axis=1).tolist() == pytest.approx([4 / 8, 4 / 8, 0, 4 / 16, 4 / 16])


def test_a_head_has_the_targets_that_it_needs(index):
    labels, sphere, train = ["neutral", "anger"], Sphere(1, 5), [0, 1]
    for head, names in (
        (Head(), {"logits"}),
        (Head("vad"), {"dimensions", "regions"}),
        (Head("joint", weighting="none"), {"logits", "dimensions"}),
    ):
        assert set(make_targets(index, labels, head, sphere, train)) == names


def test_a_scale_is_read_as_it_is_written():
    assert read_scale("-1..1") == (-1.0, 1.0)
    assert read_scale(" 0 .. 0.5 ") == (0.0, 0.5)
