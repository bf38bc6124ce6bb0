"""What the page and the `wav` signature repeat of the package, without a browser: silence, windows, channels."""

import base64
import functools
import io
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile
import tensorflow as tf
from recordings import written

from emohrnet_tf.audio.files import load_audio
from emohrnet_tf.audio.silence import FRAME, levels_db, spoken, spoken_windows
from emohrnet_tf.audio.windows import window_starts, windows
from emohrnet_tf.data.pipeline import Clips, window_batches
from emohrnet_tf.evaluation.on_index import answer_index
from emohrnet_tf.exporter.metadata import add_metadata
from emohrnet_tf.exporter.tflite import convert
from emohrnet_tf.exporter.wav import decode_wavs
from emohrnet_tf.inference.exported import TFLiteModel
from emohrnet_tf.inference.predict import predict
from emohrnet_tf.inference.timeline import timeline

PAGE = Path(__file__).parents[2] / "export" / "web"
RATE, SAMPLES = 1000, 700
SCRIPT = """
import { mix, spoken, windowStarts } from "./audio.js";
const cases = JSON.parse(await new Response(process.stdin).text());
const floats = (text) => new Float32Array(new Uint8Array(Buffer.from(text, "base64")).buffer);
console.log(JSON.stringify(cases.map(({ channels, samples, rate }) => {
  const mono = mix(channels.map(floats), rate), starts = windowStarts(mono.length, samples);
  return { mono: Buffer.from(mono.buffer).toString("base64"), starts, votes: spoken(mono, starts, samples, rate) };
})));
"""


def recordings():
    """Made-up recordings of passages of all levels, float32 `(samples,)`, whole tenths of a second and not."""
    random, made = np.random.default_rng(0), [np.zeros(1), np.zeros(2500), np.full(37, 0.1)]
    for _ in range(60):
        levels = random.choice([0.0, 1e-5, 1e-3, 0.02, 0.5], random.integers(1, 12))
        sound = np.concatenate([level * random.standard_normal(400) for level in levels])
        made.append(sound[: len(sound) - random.integers(0, 399)])
    made += [sound + 0.3 for sound in made[3:13]]  # of a sound card with an offset
    return [sound.astype(np.float32) for sound in made]


def stereo():
    """Two channels `(samples, 2)` at 16 kHz: alike, of opposite polarity for a while, one of them dead, different."""
    random = np.random.default_rng(1)
    voice, other = (0.2 * random.standard_normal(16000 + 371) for _ in range(2))
    turned = np.where(np.arange(len(voice)) // 3200 % 2 == 0, -voice, 0.9 * voice)
    pairs = [(voice, voice), (voice, -voice), (voice, turned), (0 * voice, voice), (voice, other)]
    return [np.stack(pair, axis=1) for pair in [*pairs, (1e-4 * other - voice, voice)]]


@pytest.fixture(scope="module")
def page():
    """A function that asks the page's own code: (channels, samples, rate) of each case -> mono, starts and votes."""
    if shutil.which("node") is None:
        pytest.skip("node is not installed")

    def ask(cases):
        packed = [
            {
                "channels": [base64.b64encode(np.float32(channel).tobytes()).decode() for channel in channels],
                "samples": samples,
                "rate": rate,
            }
            for channels, samples, rate in cases
        ]
        command = ["node", "--input-type=module", "--eval", SCRIPT]
        done = subprocess.run(command, input=json.dumps(packed), capture_output=True, text=True, cwd=PAGE, check=True)
        answers = json.loads(done.stdout)
        return [x | {"mono": np.frombuffer(base64.b64decode(x["mono"]), np.float32)} for x in answers]

    return ask


def test_the_page_hears_silence_where_python_does(page):
    sounds = recordings()
    for sound, found in zip(sounds, page([([sound], SAMPLES, RATE) for sound in sounds])):
        assert found["starts"] == window_starts(len(sound), SAMPLES).tolist()
        assert found["votes"] == spoken(sound, SAMPLES, RATE).tolist()
        np.testing.assert_array_equal(found["mono"], sound)


def test_channels_that_cancel_are_one_channel_on_the_page_and_in_the_signature_too(page):
    files = [written(sound) for sound in stereo()]
    expected = [load_audio(file) for file in files]
    assert all(np.abs(sound).max() > 0.1 for sound in expected), "none of them is silence"
    found = page([(soundfile.read(io.BytesIO(file))[0].T, SAMPLES, 16000) for file in files])
    samples, lengths, faults = decode_wavs(tf.constant(files), 16000)
    assert not any(faults.numpy())
    for sound, answer, graph in zip(expected, found, np.split(samples.numpy(), np.cumsum(lengths)[:-1])):
        np.testing.assert_allclose(answer["mono"], sound, atol=2e-5)
        np.testing.assert_allclose(graph, sound, atol=2e-5)


def test_a_window_has_a_vote_where_the_timeline_hears_a_voice(model, tmp_path):
    """A window of two stretches of the timeline is silent where both of them are."""
    random = np.random.default_rng(2)
    for seed, count in enumerate((3, 8, 15)):
        levels = random.choice([0.0, 1e-4, 0.02, 0.3], count)
        levels[seed] = 0.3
        sound = np.concatenate([level * random.standard_normal(3200) for level in levels])
        sound = sound[: len(sound) - (0, 900, 1601)[seed]]
        path = tmp_path / f"{count}.wav"
        path.write_bytes(written(sound.astype(np.float32), subtype="FLOAT"))
        table, _ = timeline(model, path, hop=2 * FRAME)
        silent = (table.emotion == "silence").to_numpy()
        votes = spoken(sound.astype(np.float32), 6400, 16000)
        assert votes.tolist()[:-1] == (~(silent[:-1] & silent[1:])).tolist()[: len(votes) - 1]
        assert silent.tolist() == (levels <= 1e-4).tolist()


def test_the_last_tenth_of_a_second_is_judged_by_its_own_samples(model, tmp_path):
    """A word that ends in the last frame, cut short: its level is not that of the nothing after it."""
    random = np.random.default_rng(3)
    sound = np.concatenate([0.3 * random.standard_normal(8000), np.zeros(8000), 0.0066 * random.standard_normal(320)])
    sound = sound.astype(np.float32)
    limit_db = levels_db(sound[None, :8000])[0] - 35
    assert limit_db < levels_db(sound[None, -320:])[0] < limit_db + 6
    (tmp_path / "a.wav").write_bytes(written(sound, subtype="FLOAT"))
    table, _ = timeline(model, tmp_path / "a.wav", hop=0.5)
    assert (table.emotion == "silence").tolist() == [False, True, False]
    assert spoken(sound, 8000, 16000).tolist() == [True, True, False, True]


def test_silent_windows_vote_where_the_docs_say_so(run, model, index, tmp_path):
    """docs/export.md has the table of it."""
    voice = load_audio(index.file[0])
    sound = np.concatenate([voice, np.zeros(4 * model.audio.samples, np.float32)])
    (tmp_path / "a.wav").write_bytes(written(sound))
    all_of_them, heard = windows(sound, model.audio.samples), spoken_windows(sound, model.audio.samples, 16000)
    assert 0 < len(heard) < len(all_of_them)
    with_silence, without = (model.score(cut).mean(axis=0) for cut in (all_of_them, heard))
    assert np.abs(with_silence - without).max() > 0.01
    close = functools.partial(np.testing.assert_allclose, atol=1e-4)
    clips = Clips(index.iloc[:1].assign(file=str(tmp_path / "a.wav")))
    close(answer_index(model, clips)[1]["probabilities"][0], without)
    close(predict(model, tmp_path / "a.wav")[model.labels].to_numpy(float)[0], without)
    close(model(sound[None])["probabilities"][0], with_silence)
    batches, owners = window_batches(clips, [0], model.audio)
    assert len(owners) == len(all_of_them)
    logits = np.concatenate([model.inner(batch)["logits"] for batch in batches])
    close(tf.nn.softmax(logits).numpy().mean(axis=0), with_silence)
    phone = TFLiteModel(add_metadata(convert(model, "float32"), model.labels, 16000))
    close(phone.score(all_of_them).mean(axis=0), with_silence)
