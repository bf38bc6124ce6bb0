import functools
import importlib.util
import io
import os
import struct
import subprocess
import sys
import wave

import librosa
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from emohrnet_tf.audio.decode import decoder, read_clip
from emohrnet_tf.audio.files import load_audio, stream_audio
from emohrnet_tf.audio.windows import graph_windows, window_starts, windows
from emohrnet_tf.errors import InputError

SUBTYPES = {
    "WAV": ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"),
    "FLAC": ("PCM_16", "PCM_24"),
    "OGG": ("VORBIS", "OPUS"),
    "MP3": ("MPEG_LAYER_III",),
}
FORMATS = [(kind, subtype) for kind, subtypes in SUBTYPES.items() for subtype in subtypes]


def speech_like(seconds=0.6, rate=16000, channels=1, seed=0):
    """Tones under an envelope, and a little noise: `(frames,)` or `(frames, channels)`."""
    random, time = np.random.default_rng(seed), np.arange(int(seconds * rate)) / rate
    columns = []
    for i in range(channels):
        tone = np.sin(2 * np.pi * (220 + 110 * i) * time) + 0.5 * np.sin(2 * np.pi * 1500 * time)
        columns.append(0.4 * tone * np.sin(np.pi * time / seconds) + random.normal(0, 0.01, len(time)))
    return np.stack(columns, axis=1).squeeze()


def encoded(audio, rate=16000, kind="WAV", subtype="PCM_16"):
    file = io.BytesIO()
    soundfile.write(file, audio, rate, format=kind, subtype=subtype)
    return file.getvalue()


def refusal(source, **arguments):
    with pytest.raises(InputError) as caught:
        load_audio(source, **arguments)
    return str(caught.value)


# --- Files and bytes ---


def test_16_khz_pcm_keeps_its_samples_exactly(tmp_path):
    values = np.random.default_rng(0).integers(-32768, 32768, 5000).astype("<i2")
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", None))
        file.writeframes(values.tobytes())
    waveform = load_audio(tmp_path / "a.wav")
    assert waveform.dtype == np.float32
    np.testing.assert_array_equal(waveform, values / np.float32(32768))


@pytest.mark.parametrize(("kind", "subtype"), FORMATS)
def test_every_format_gives_what_went_in(kind, subtype):
    audio, loss = speech_like(), {"VORBIS": 0.05, "OPUS": 0.1, "MPEG_LAYER_III": 0.05, "PCM_U8": 0.009}
    waveform = load_audio(encoded(audio, 16000, kind, subtype))
    assert abs(len(waveform) - len(audio)) <= 2400
    n = min(len(waveform), len(audio))
    np.testing.assert_allclose(waveform[:n], audio[:n], atol=loss.get(subtype, 2**-15))


def test_a_path_and_its_bytes_give_the_same(tmp_path):
    data = encoded(speech_like(rate=44100), 44100, "FLAC")
    (tmp_path / "ä b.flac").write_bytes(data)
    np.testing.assert_array_equal(load_audio(str(tmp_path / "ä b.flac")), load_audio(data))


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 44100, 48000, 96000, 192000])
def test_other_rates_give_the_same_sound_at_16_khz(rate):
    def tone(rate):
        time = np.arange(rate) / rate
        return 0.5 * np.sin(2 * np.pi * 440 * time) + 0.3 * np.sin(2 * np.pi * 2500 * time)

    waveform = load_audio(encoded(tone(rate), rate, "WAV", "FLOAT"))
    assert len(waveform) == 16000
    np.testing.assert_allclose(waveform[1000:-1000], tone(16000)[1000:-1000], atol=1e-4)


def test_resampling_agrees_with_librosa():
    audio = speech_like(rate=44100).astype(np.float32)
    expected = librosa.resample(audio, orig_sr=44100, target_sr=16000, res_type="soxr_hq")
    np.testing.assert_allclose(load_audio(encoded(audio, 44100, subtype="FLOAT")), expected, atol=1e-6)


def test_stereo_is_averaged_or_one_channel_taken():
    audio = speech_like(channels=2)
    data = encoded(audio, subtype="FLOAT")
    np.testing.assert_allclose(load_audio(data), audio.mean(axis=1), atol=1e-6)
    np.testing.assert_allclose(load_audio(data, channel="left"), audio[:, 0], atol=1e-6)
    np.testing.assert_allclose(load_audio(data, channel="right"), audio[:, 1], atol=1e-6)


def test_a_channel_of_a_mono_file_is_the_file():
    data = encoded(speech_like())
    np.testing.assert_array_equal(load_audio(data, channel="right"), load_audio(data))


@pytest.mark.parametrize("kind", ["WAV", "FLAC"])
def test_a_section_is_that_part_of_the_file(kind):
    data = encoded(speech_like(2.0), kind=kind)
    np.testing.assert_array_equal(load_audio(data, start=0.5, end=1.25), load_audio(data)[8000:20000])
    np.testing.assert_array_equal(load_audio(data, start=1.5), load_audio(data)[24000:])


def test_a_section_may_end_where_rounded_annotations_do():
    assert len(load_audio(encoded(speech_like(1.0)), start=0.5, end=1.01)) == 8000


def test_a_recording_longer_than_a_block_is_whole():
    audio = np.random.default_rng(0).integers(-9999, 9999, (1 << 20) + 7).astype(np.int16)
    np.testing.assert_array_equal(load_audio(encoded(audio)), audio / np.float32(32768))


def test_silence_is_audio():
    np.testing.assert_array_equal(load_audio(encoded(np.zeros(100))), np.zeros(100, np.float32))


def test_a_wav_written_to_a_pipe_is_read_to_its_end():
    data = bytearray(encoded(speech_like()))
    whole = load_audio(bytes(data))
    data[4:8] = data[40:44] = b"\xff\xff\xff\xff"
    np.testing.assert_array_equal(load_audio(bytes(data)), whole)


def test_a_flac_that_does_not_say_its_length_is_read_to_its_end():
    data = bytearray(encoded(speech_like(), kind="FLAC"))
    whole = load_audio(bytes(data))
    data[21] &= 0xF0
    data[22:26] = bytes(4)
    np.testing.assert_array_equal(load_audio(bytes(data)), whole)


def without_first_frame(mp3):
    """The same MP3 with no Xing tag: its length is then an estimate."""
    return mp3[mp3.index(mp3[:2], 100) :]


def test_a_variable_rate_mp3_without_a_length_tag_is_not_called_damaged():
    quiet_then_loud = np.concatenate([np.zeros(48000), np.random.default_rng(0).normal(0, 0.2, 48000)])
    file = io.BytesIO()
    soundfile.write(file, quiet_then_loud, 16000, format="MP3", bitrate_mode="VARIABLE")
    assert len(load_audio(without_first_frame(file.getvalue()))) > 90000


# --- Refusals ---


@pytest.mark.parametrize(
    ("name", "contents", "reason"),
    [
        ("empty.wav", b"", "is empty"),
        ("text.wav", b"hello world\n" * 100, "not audio"),
        ("page.mp3", b"<html><body>Not found</body></html>", "not audio"),
        ("a.raw", b"\1\2\3\4" * 100, "not audio"),
        ("zeros.flac", bytes(5000), "not audio"),
        ("no samples.wav", encoded(np.zeros(0)), "holds no samples"),
        ("header.wav", encoded(np.zeros(100))[:44], "cut short"),
        ("cut.wav", encoded(speech_like())[:9999], "cut short"),
        ("cut.flac", encoded(speech_like(), kind="FLAC")[:9999], "cut short"),
        ("cut.ogg", encoded(speech_like(), kind="OGG", subtype="VORBIS")[:3000], "damaged"),
        ("cut.mp3", encoded(speech_like(3), kind="MP3", subtype="MPEG_LAYER_III")[:5000], "cut short"),
        ("nan.wav", encoded(np.array([0, np.nan, 0]), subtype="FLOAT"), "NaN or infinite"),
        ("inf.wav", encoded(np.array([[0, 0], [np.inf, -np.inf]]), subtype="FLOAT"), "NaN or infinite"),
        ("slow.wav", encoded(np.zeros(9999), 4000), "sample rate"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",  # a float WAV holds the time that it was written
)
def test_a_bad_file_is_refused_by_name(tmp_path, name, contents, reason):
    (tmp_path / name).write_bytes(contents)
    message = refusal(tmp_path / name)
    assert message.startswith(str(tmp_path / name))
    assert reason in message
    assert "Error" not in message
    assert "\n" not in message
    assert refusal(contents).startswith("<bytes>") or contents == b""


def test_a_missing_file_and_a_folder_are_refused_by_name(tmp_path):
    assert refusal(tmp_path / "absent.wav").startswith(f"{tmp_path / 'absent.wav'}: no such file")
    assert refusal(tmp_path).startswith(f"{tmp_path}: not a file")


def test_a_file_longer_than_six_hours_is_refused_before_it_is_read(tmp_path):
    samples = 6 * 3600 * 8000 + 1
    header = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", samples + 36, b"WAVE", b"fmt ", 16, 1, 1, 8000, 8000, 1, 8,
                         b"data", samples)  # fmt: skip
    with open(tmp_path / "day.wav", "wb") as file:
        file.write(header)
        file.truncate(44 + samples)  # sparse: takes no room on the disk
    assert "longer than 6 hours" in refusal(tmp_path / "day.wav")
    assert len(load_audio(tmp_path / "day.wav", start=100, end=101)) == 16000


@pytest.mark.parametrize(
    ("start", "end"), [(-1, None), (0.5, 0.5), (0.5, 0.2), (5, None), (0, 2), (float("nan"), None), (0, float("inf"))]
)
def test_a_section_outside_the_file_is_refused(start, end):
    assert f"Received: {(start, end)!r}" in refusal(encoded(speech_like(1.0)), start=start, end=end)


def test_an_unknown_channel_is_refused():
    assert "Received: 'centre'" in refusal(encoded(speech_like()), channel="centre")


# --- Windows ---


@pytest.mark.parametrize(
    ("length", "starts"),
    [(0, [0]), (3, [0]), (4, [0]), (5, [0, 1]), (6, [0, 2]), (9, [0, 2, 4, 5]), (10, [0, 2, 4, 6])],
)
def test_windows_begin_at_half_window_hops_and_end_flush(length, starts):
    assert window_starts(length, 4).tolist() == starts


def test_a_short_waveform_is_padded_at_its_end():
    assert windows(np.array([1.0, 2.0]), 4).tolist() == [[1, 2, 0, 0]]
    assert windows([], 3).tolist() == [[0, 0, 0]]


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 40), st.integers(0, 200))
def test_windows_cover_every_sample(samples, length):
    cut = windows(np.arange(1, length + 1), samples)
    assert cut.dtype == np.float32
    assert set(cut.ravel()) - {0.0} == set(range(1, length + 1))


@pytest.fixture(scope="module")
def on_graph():
    """Window length -> `graph_windows` with dynamic batch and length, traced once."""
    import tensorflow as tf

    signature = [tf.TensorSpec((None, None))]
    return {n: tf.function(functools.partial(graph_windows, samples=n), signature) for n in (1, 7, 16)}


@settings(deadline=None, max_examples=100)
@given(samples=st.sampled_from([1, 7, 16]), fraction=st.floats(0, 5), batch=st.integers(1, 3))
def test_the_graph_cuts_windows_as_numpy_does(on_graph, samples, fraction, batch):
    length = int(fraction * samples)
    waveforms = np.random.default_rng(length).normal(size=(batch, length)).astype(np.float32)
    result = on_graph[samples](waveforms).numpy()
    np.testing.assert_array_equal(result, np.stack([windows(waveform, samples) for waveform in waveforms]))


# --- On-graph decoding ---


def read_through_dataset(path, **arguments):
    import tensorflow as tf

    dataset = tf.data.Dataset.from_tensor_slices([str(path)]).map(lambda path: read_clip(path, **arguments))
    assert dataset.element_spec.shape.as_list() == [None]
    return next(iter(dataset)).numpy()


@pytest.mark.parametrize("rate", [16000, 44100])
@pytest.mark.parametrize(("kind", "subtype"), FORMATS)
def test_a_pipeline_reads_what_load_audio_reads(tmp_path, kind, subtype, rate):
    if (subtype, rate) == ("OPUS", 44100):
        rate = 48000  # Opus has no 44.1 kHz
    path = tmp_path / f"a.{kind.lower()}"
    path.write_bytes(encoded(speech_like(rate=rate, channels=2), rate, kind, subtype))
    waveform, expected = read_through_dataset(path), load_audio(path)
    assert waveform.dtype == np.float32
    if kind in ("WAV", "FLAC"):
        np.testing.assert_array_equal(waveform, expected)
    else:
        np.testing.assert_allclose(waveform, expected, atol=1e-4)


@pytest.mark.parametrize(("kind", "subtype"), [("WAV", "PCM_16"), ("FLAC", "PCM_16"), ("OGG", "VORBIS")])
@pytest.mark.parametrize("channel", ["left", "right"])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_pipeline_takes_one_channel(tmp_path, kind, subtype, channel, channels):
    path = tmp_path / f"a.{kind.lower()}"
    path.write_bytes(encoded(speech_like(channels=channels), 16000, kind, subtype))
    np.testing.assert_allclose(
        read_through_dataset(path, channel=channel),
        load_audio(path, channel=channel),
        atol=1e-4 if kind == "OGG" else 0,
    )


def test_flac_is_decoded_by_the_decoder_that_is_named():
    import tensorflow as tf

    graph = tf.function(read_clip, input_signature=[tf.TensorSpec((), tf.string)]).get_concrete_function().graph
    functions = [node.op for function in graph.as_graph_def().library.function for node in function.node_def]
    assert ("IO>AudioDecodeFlac" in functions) == (decoder().name == "tensorflow-io")


@pytest.mark.parametrize(
    "contents", [b"", b"no audio", encoded(speech_like())[:-100], encoded(np.zeros(0)), encoded(np.zeros(9), 4000)]
)
def test_a_pipeline_names_the_bad_file(tmp_path, contents):
    import tensorflow as tf

    (tmp_path / "bad.wav").write_bytes(contents)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"bad\.wav: "):
        read_through_dataset(tmp_path / "bad.wav")


def test_a_cut_flac_stops_a_pipeline(tmp_path):
    import tensorflow as tf

    (tmp_path / "cut.flac").write_bytes(encoded(speech_like(), kind="FLAC")[:9999])
    with pytest.raises(tf.errors.InvalidArgumentError):
        read_through_dataset(tmp_path / "cut.flac")


# --- Import and probe ---


def run_python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ}, check=True)


def test_importing_audio_imports_no_tensorflow_and_says_nothing():
    code = "import sys, emohrnet_tf.audio.files; assert 'tensorflow' not in sys.modules and 'keras' not in sys.modules"
    result = run_python(code)
    assert (result.stdout, result.stderr) == ("", "")


def test_finding_the_decoder_is_quiet_and_says_why():
    code = """if True:
        import os, warnings, tensorflow as tf
        tf.constant(0)
        warnings.simplefilter("always")
        from emohrnet_tf.audio.decode import decoder
        os.write(2, b"<<<")
        found = decoder()
        os.write(2, b">>>")
        print(found.name, found.reason, sep="|")
    """
    result = run_python(code)
    assert "<<<>>>" in result.stderr
    name, reason = result.stdout.strip().split("|")
    assert name in ("tensorflow-io", "soundfile")
    assert "tensorflow-io" in reason


def test_the_decoder_is_tensorflow_io_where_its_compiled_part_loads():
    import tensorflow as tf

    old_enough = tuple(map(int, tf.__version__.split(".")[:2])) < (2, 18)
    installed = importlib.util.find_spec("tensorflow_io") is not None
    assert decoder().name == ("tensorflow-io" if old_enough and installed else "soundfile")


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
def test_a_stream_joined_is_the_whole(tmp_path, rate):
    sound = 0.3 * np.random.default_rng(0).standard_normal((int(2.35 * rate), 2))
    soundfile.write(tmp_path / "a.flac", np.clip(sound, -1, 1), rate)
    blocks = list(stream_audio(tmp_path / "a.flac", seconds=0.5))
    assert len(blocks) > 3
    whole = load_audio(tmp_path / "a.flac")
    joined = np.concatenate(blocks)
    assert len(joined) == len(whole)
    np.testing.assert_allclose(joined, whole, atol=1e-5)
