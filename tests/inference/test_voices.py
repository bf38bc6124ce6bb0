import json

import numpy as np
import pytest
import soundfile
from conftest import write_voice

from emohrnet_tf import EmoHRNet, InputError, load_audio, predict
from emohrnet_tf.audio.windows import windows
from emohrnet_tf.config import Audio, Network
from emohrnet_tf.exporter.litert import converted
from emohrnet_tf.inference.exported import LiteRTScorer
from emohrnet_tf.inference.predict import predict_into
from emohrnet_tf.inference.timeline import timeline
from emohrnet_tf.inference.voices import voices_of

AUDIO = Audio(frames=64, normalize="level", statistics=[[0.0] * 64])


@pytest.fixture(scope="module")
def model():
    model = EmoHRNet(
        ["calm", "anger"], AUDIO, Network("none", functionals=True, reference=True), least_confidence=[0.0, 1.0]
    )
    random = np.random.default_rng(0)
    for layer in ("logits", "relative_logits"):
        shapes = [weight.shape for weight in model.network.get_layer(layer).get_weights()]
        model.network.get_layer(layer).set_weights([0.1 * random.standard_normal(shape) for shape in shapes])
    return model


@pytest.fixture(scope="module")
def lite(model):
    return LiteRTScorer(converted(model))


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """Two people with two files each, and a file that is none."""
    folder = tmp_path_factory.mktemp("people")
    for person, pitch in (("anna", 220.0), ("bela", 110.0)):
        (folder / person).mkdir()
        for number in range(2):
            write_voice(folder / person / f"{number}.wav", pitch * (1 + 0.2 * number), 2.5, seed=number)
    (folder / "bela" / "9.wav").write_bytes(b"no audio")
    return folder


def expected(model, file, usual):
    cut = windows(load_audio(file), AUDIO.samples)
    return model.score(cut, reference=usual).mean(axis=0)


def test_each_voice_is_heard_relative_to_its_own_files(model, recordings):
    files = sorted(recordings.rglob("*.wav"))
    table = predict(model, recordings, voices="folder", min_confidence=0).set_index("file")
    assert list(table.index) == [str(file) for file in files]  # in the files' order
    usual = model.reference([recordings / "anna/0.wav", recordings / "anna/1.wav"])
    found = table.loc[str(recordings / "anna/1.wav"), model.labels].to_numpy(float)
    np.testing.assert_allclose(found, expected(model, recordings / "anna/1.wav", usual), atol=1e-5)
    assert "9.wav" in table.error[str(recordings / "bela/9.wav")]
    alone = predict(model, recordings, min_confidence=0).set_index("file")
    assert np.abs(alone[model.labels] - table[model.labels]).max().max() > 0.01


def test_a_reference_serves_all_files_and_its_threshold_is_its_own(model, lite, recordings):
    usual = model.reference(recordings / "anna/0.wav")
    table = predict(model, recordings / "anna", reference=recordings / "anna/0.wav")
    np.testing.assert_allclose(table[model.labels].loc[1], expected(model, recordings / "anna/1.wav", usual), atol=1e-5)
    assert (table.emotion == "uncertain").all()  # least_confidence with a reference is 1
    assert not (predict(model, recordings / "anna").emotion == "uncertain").any()
    same = predict(lite, recordings / "anna", reference=recordings / "anna/0.wav")
    np.testing.assert_allclose(same[model.labels], table[model.labels], atol=1e-4)


def test_a_csv_says_who_speaks(model, recordings, tmp_path):
    csv = tmp_path / "who.csv"
    rows = [(recordings / "anna/0.wav", "a"), (recordings / "anna/1.wav", "a"), (recordings / "bela/0.wav", "")]
    csv.write_text("file,speaker\n" + "".join(f"{file},{who}\n" for file, who in rows))
    files = sorted(recordings.rglob("*.wav"))
    voices = voices_of(files, csv)
    assert [voices[str(file)] for file in files] == ["a", "a", None, None, None]
    by_csv = predict(model, recordings, voices=csv).set_index("file")[model.labels]
    by_folder = predict(model, recordings, voices="folder").set_index("file")[model.labels]
    alone = predict(model, recordings).set_index("file")[model.labels]
    anna, bela = str(recordings / "anna/1.wav"), str(recordings / "bela/0.wav")
    np.testing.assert_allclose(by_csv.loc[anna], by_folder.loc[anna], atol=1e-6)
    np.testing.assert_allclose(by_csv.loc[bela], alone.loc[bela], atol=1e-6)


def test_a_table_that_was_stopped_goes_on_with_the_same_references(model, recordings, tmp_path):
    out = tmp_path / "out.csv"
    predict_into(out, model, recordings, 0.0, voices="folder")
    whole = out.read_text()
    out.write_text("".join(whole.splitlines(keepends=True)[:2]))
    predict_into(out, model, recordings, 0.0, voices="folder")
    assert sorted(out.read_text().splitlines()) == sorted(whole.splitlines())
    with pytest.raises(InputError, match="something else"):
        predict_into(out, model, recordings, 0.0, reference=recordings / "anna/0.wav")
    assert json.loads((tmp_path / "out.csv.made_by.json").read_text())["voices"] == "folder"


def test_a_timeline_hears_the_recording_relative_to_itself(model, recordings, tmp_path):
    both = np.concatenate([load_audio(recordings / f"anna/{n}.wav") for n in (0, 1)])
    soundfile.write(tmp_path / "long.wav", both, 16000, subtype="FLOAT")
    alone, _ = timeline(model, tmp_path / "long.wav", min_confidence=0)
    own, _ = timeline(model, tmp_path / "long.wav", min_confidence=0, reference="self")
    with open(tmp_path / "long.wav", "rb") as opened:
        same, _ = timeline(model, opened, min_confidence=0, reference="self")
    np.testing.assert_allclose(same[model.labels], own[model.labels], atol=1e-6)
    assert np.abs(own[model.labels] - alone[model.labels]).max().max() > 0.01


def test_what_cannot_be_is_refused(model, recordings, tmp_path):
    plain = EmoHRNet(["calm", "anger"], Audio(frames=64), Network("tiny"))
    with pytest.raises(InputError, match="takes no reference"):
        predict(plain, recordings, voices="folder")
    with pytest.raises(InputError, match="both"):
        predict(model, recordings, voices="folder", reference=recordings / "anna/0.wav")
    soundfile.write(tmp_path / "short.wav", load_audio(recordings / "anna/0.wav")[:8000], 16000)
    with pytest.raises(InputError, match="2 s of speech"):
        predict(model, recordings, reference=tmp_path / "short.wav")
    (tmp_path / "who.csv").write_text("file,person\nx.wav,a\n")
    with pytest.raises(InputError, match="speaker"):
        predict(model, recordings, voices=tmp_path / "who.csv")
    (tmp_path / "who.csv").write_text("file,speaker\nx.wav,a\n")
    with pytest.raises(InputError, match="none of the files"):
        predict(model, recordings, voices=tmp_path / "who.csv")
    with pytest.raises(InputError, match="between 0 and 1"):
        predict(model, recordings, min_confidence=1.5)
