import os
import shutil
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import soundfile

from emohrnet_tf.audio.identity import Heard, digest, groups, marks
from emohrnet_tf.corpora import read_corpus, read_index, write_index
from emohrnet_tf.data.leakage import heard
from emohrnet_tf.data.prepare import prepare
from emohrnet_tf.errors import InputError
from emohrnet_tf.files import read_csv
from emohrnet_tf.labels import RESERVED, check_labels


def write(path, seed, rate=16000, channels=1, seconds=1.0):
    path.parent.mkdir(parents=True, exist_ok=True)
    audio = 0.1 * np.random.default_rng(seed).standard_normal((int(seconds * rate), channels))
    soundfile.write(path, np.round(audio * 32768) / 32768, rate, subtype="PCM_16")
    return str(path)


class Model:
    """Stands for a model that says what it has heard."""

    def __init__(self, record):
        self.heard = record


def of(*files, **columns):
    return pd.DataFrame({"file": [str(file) for file in files], **columns})


@pytest.fixture
def clip(tmp_path):
    return write(tmp_path / "a" / "one.wav", 1, rate=48000, channels=2)


def test_copies_of_a_clip_are_the_clip(clip, tmp_path):
    model = Model(Heard.of(marks(of(clip)), [True]))
    audio, rate = soundfile.read(clip, dtype="int16")
    soundfile.write(tmp_path / "b.flac", audio, rate)
    shutil.copy(clip, tmp_path / "c.wav")
    os.symlink(clip, tmp_path / "d.wav")
    os.link(clip, tmp_path / "e.wav")
    prepared, _ = prepare(of(clip), tmp_path / "a", tmp_path / "prepared")
    other = write(tmp_path / "elsewhere" / "one.wav", 2, rate=48000, channels=2)
    index = of(*(tmp_path / name for name in ("b.flac", "c.wav", "d.wav", "e.wav")), prepared.file[0], other)
    assert heard(model, index).tolist() == [True] * 5 + [False]
    table = index.assign(emotion=list("xyxyxy"))
    write_index(table, tmp_path / "table.csv")
    assert read_corpus("table", tmp_path / "table.csv")[0].groupby("group").file.count().tolist() in ([5, 1], [1, 5])


def test_sections_and_channels_of_a_recording_count(clip, tmp_path):
    section = of(clip, start=[0.2], end=[0.6])
    prepared, _ = prepare(section, tmp_path / "a", tmp_path / "prepared")
    asked = pd.concat(
        [section, prepared, of(clip), of(clip, start=[0.4], end=[0.9]), of(clip, start=[0.6], end=[0.9])]
    ).reset_index(drop=True)
    assert heard(Model(Heard.of(marks(section), [True])), asked).tolist() == [True, True, True, True, False]
    left = Model(Heard.of(marks(of(clip, channel=["left"])), [True]))
    assert heard(left, of(clip, channel=["right"])).all()
    assert heard(left, asked).tolist() == [True, False, True, True, True]  # a prepared section stands for itself


def test_what_nobody_knows_is_unknown_and_not_none(clip, tmp_path):
    other = write(tmp_path / "other.wav", 2)
    assert heard(Model(None), of(clip, other)).isna().all()
    record = Heard.of(marks(of(clip)), [False]) | Heard(complete=False)  # one that it started from does not say
    seen = heard(Model(Heard.unpack(record.pack())), of(clip, other))
    assert seen[0]
    assert pd.isna(seen[1])
    assert not record.holds(marks(of(clip)), trained_only=True).any()


def test_a_clip_that_cannot_be_read_has_no_marks_and_no_group(tmp_path):
    found = marks(of(tmp_path / "absent.wav", write(tmp_path / "a.wav", 1)))
    assert found[0] == []
    assert groups(found, [None, "mine"])[0] is None


def test_samples_are_told_apart_to_the_last_bit():
    sound = np.linspace(-1, 1, 1000)
    assert digest(sound) == digest(sound[:400], sound[400:]) != digest(sound + 1 / 32768)


# --- Names ---


@pytest.mark.parametrize("label", ["None", "null", "NA", "nan", "0", "01", "True", "1e3"])
def test_text_is_read_back_as_it_was_written(tmp_path, label):
    table = pd.DataFrame(
        {"file": ["/a.wav", "/b.wav"], "emotion": [label, "x"], "speaker": [label, "01"], label: [0.5, 1]}
    )
    table.to_csv(tmp_path / "t.csv", index=False)
    again = read_csv(tmp_path / "t.csv", [label])
    assert again.emotion.tolist() == [label, "x"]
    assert again.speaker.tolist() == [label, "01"]
    assert again[label].tolist() == [0.5, 1.0]
    assert read_index(tmp_path / "t.csv").emotion.tolist() == [label, "x"]
    check_labels([label, "x"])


@pytest.mark.parametrize("label", sorted(RESERVED) + ["Silence", "", "  ", "two\nlines", "tab\tbed"])
def test_words_of_our_own_are_no_classes(tmp_path, label):
    with pytest.raises(InputError, match="Received"):
        check_labels(["calm", label])


def test_classes_that_differ_in_blanks_alone_are_refused():
    with pytest.raises(InputError, match="differ in blanks alone"):
        check_labels(["calm", "calm "])


def test_an_index_refuses_a_class_that_is_a_word_of_our_own(tmp_path):
    rows = of(write(tmp_path / "a.wav", 1), write(tmp_path / "b.wav", 2), emotion=["silence", "calm"])
    rows.to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(InputError, match="no class can be called 'silence'"):
        read_corpus("table", tmp_path / "t.csv")


def test_every_column_beside_probabilities_is_a_word_of_our_own():
    from emohrnet_tf.inference import parts, score, timelines

    model = SimpleNamespace(labels=[], widths={"probabilities": 1, "dimensions": 3})
    names = {*score.columns(model), *timelines._columns(model, "each", True), *parts._places([], True, "each")}
    assert names <= RESERVED
    assert {"clip", "turns", "seconds", "corpus", "seed"} <= RESERVED, "of moments, speakers, predictions"
