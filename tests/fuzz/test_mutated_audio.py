"""Audio that is damaged in every way: each file is scored as a distribution, or named as silence or by its fault."""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from recordings import muxed, voice, written

from emohrnet_tf.config import Audio, Network
from emohrnet_tf.exporter.saved_model import Server
from emohrnet_tf.inference.predict import predict_into
from emohrnet_tf.model.emohrnet import EmoHRNet

COUNTS = [100, pytest.param(2000, marks=pytest.mark.slow)]


@pytest.fixture(scope="module")
def model():
    """An untrained network: its answers are distributions too."""
    return EmoHRNet(["anger", "calm", "fear"], Audio(frames=32, mels=32), Network("tiny"))


@pytest.fixture(scope="module")
def originals():
    sound = voice(0.7)
    kinds = [("WAV", "PCM_16"), ("WAV", "PCM_24"), ("WAV", "FLOAT"), ("WAV", "DOUBLE"), ("WAV", "IMA_ADPCM"),
             ("FLAC", "PCM_16"), ("FLAC", "PCM_24"), ("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III"),
             ("AIFF", "PCM_16"), ("AU", "FLOAT"), ("CAF", "PCM_16"), ("W64", "PCM_16"), ("RF64", "PCM_16")]  # fmt: skip
    files = [written(sound, kind, subtype) for kind, subtype in kinds]
    files += [muxed(sound, container, codec) for container, codec in (("mp4", "aac"), ("mp4", "alac"), ("adts", "aac"))]
    resampled = np.repeat(sound, 3)
    return files + [muxed(resampled, "webm", "libopus", 48000), muxed(sound[::2], "amr", "libopencore_amrnb", 8000)]


def mutated(data, random):
    """Bytes changed, cut out, repeated, inserted, joined with themselves, or cut short; headers are hit most."""
    data = bytearray(data)
    for _ in range(random.integers(1, 4)):
        reach = len(data) if random.random() < 0.5 else min(len(data), 128)
        at, count = int(random.integers(0, max(reach, 1))), int(random.integers(1, 33))
        kind = random.integers(0, 7)
        if kind <= 1:
            for place in random.integers(0, max(reach, 1), count if kind else 1):
                data[place : place + 1] = bytes([random.choice([0, 255, 127, 128, random.integers(0, 256)])])
        elif kind == 2:
            del data[at : at + count]
        elif kind == 3:
            data[at:at] = random.bytes(count)
        elif kind == 4:
            data[at : at + 4] = random.choice([b"\0\0\0\0", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\1\0\0\0"])
        elif kind == 5:
            data += data[at:]
        else:
            del data[at:]
    return bytes(data)


@pytest.mark.parametrize("count", COUNTS)
def test_predict_scores_or_names_every_file(tmp_path, model, originals, count, capfd):
    random = np.random.default_rng(14)
    for number in range(count):
        (tmp_path / f"{number:04}.wav").write_bytes(mutated(originals[number % len(originals)], random))
    capfd.readouterr()
    assert predict_into(tmp_path / "out.csv", model, [tmp_path])[0] == count
    assert capfd.readouterr().err == ""
    table = pd.read_csv(tmp_path / "out.csv", keep_default_na=False)
    for row in table.to_dict("records"):
        given = [row[label] for label in model.labels]
        if row["error"] or row["emotion"] == "silence":
            assert given == [""] * len(given)
            assert (row["emotion"] == "") != (row["error"] == "")
            assert not row["error"] or row["error"].startswith(str(tmp_path)), row
        else:
            values = np.array(given, float)
            assert row["emotion"] == model.labels[values.argmax()]
            assert values.min() >= 0
            assert abs(values.sum() - 1) < 1e-4
    scored = (table.error == "") & (table.emotion != "silence")
    assert 0.1 * count < scored.sum() < count


@pytest.mark.parametrize("count", COUNTS)
def test_the_wav_signature_scores_or_names_every_file(model, originals, count):
    random = np.random.default_rng(15)
    server = Server(model)
    files = [mutated(originals[0 if number % 4 else number % len(originals)], random) for number in range(count)]
    for start in range(0, count, 50):
        answers = server.wav(tf.constant(files[start : start + 50]))
        sums, labels, errors = (answers[name].numpy() for name in ("probabilities", "label", "error"))
        for row, label, error in zip(sums, labels, errors):
            assert np.isfinite(row).all()
            if error or label == b"silence":
                assert not row.any()
                assert (label == b"silence") == (error == b"")
            else:
                assert abs(row.sum() - 1) < 1e-4
                assert label.decode() == model.labels[row.argmax()]
