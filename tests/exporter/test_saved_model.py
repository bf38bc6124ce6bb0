import importlib.util
import json
import struct
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import soxr
import tensorflow as tf
from served import RATES, call, chunk, fmt, make_model, riff, speech, wav
from tensorflow.core.framework import tensor_pb2
from tensorflow.core.protobuf import saved_model_pb2

from emohrnet_tf.audio.files import load_audio
from emohrnet_tf.audio.silence import spoken_windows
from emohrnet_tf.errors import InputError
from emohrnet_tf.exporter.saved_model import SIGNATURES, write_saved_model
from emohrnet_tf.exporter.wav import decode_wavs
from emohrnet_tf.licence import licence_of

SIZE = 16384  # window of the model
SERVING_API = importlib.util.find_spec("tensorflow_serving") is not None


@pytest.fixture(scope="module")
def model():
    return make_model()


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("export") / "1"
    write_saved_model(model, folder)
    return folder


@pytest.fixture(scope="module")
def served(folder):
    return tf.saved_model.load(str(folder)).signatures


@pytest.fixture(scope="module")
def decode():
    return tf.function(lambda files: decode_wavs(files, 16000), input_signature=[tf.TensorSpec((None,), tf.string)])


def keras_row(model, sound):
    return model(np.asarray(sound, np.float32)[None])["probabilities"].numpy()[0]


def assert_fault(result, row, fault):
    assert fault in result["error"][row]
    assert result["label"][row] == ""
    assert not result["probabilities"][row].any()
    assert not result["embedding"][row].any()


# --- Waveforms ---


def test_the_model_of_these_tests_tells_clips_apart(model):
    rows = np.stack([keras_row(model, speech(clip)) for clip in range(8)])
    assert rows.std(axis=0).max() > 0.05
    assert len(set(rows.argmax(axis=1))) > 1


@pytest.mark.parametrize("length", [2, 100, SIZE - 1, SIZE, SIZE + 1, 3 * SIZE // 2, 2 * SIZE + 7, 40 * SIZE + 3])
def test_equals_keras_at_every_length(model, served, length):
    sound = np.stack([np.resize(speech(clip), length) for clip in range(2)])
    expected, result = model(sound), call(served["serving_default"], waveform=sound)
    np.testing.assert_allclose(result["probabilities"], expected["probabilities"], atol=1e-5)
    np.testing.assert_allclose(result["embedding"], expected["embedding"], rtol=1e-4, atol=1e-4)
    assert result["label"] == [model.labels[index] for index in np.argmax(expected["probabilities"], axis=1)]
    assert result["error"] == ["", ""]


@pytest.mark.parametrize("name", ["clipping", "huge", "noise", "tone"])
def test_equals_keras_on_what_is_not_speech(model, served, name):
    random = np.random.default_rng(0)
    sound = {
        "clipping": np.clip(40 * speech(1), -1, 1),
        "huge": 1e30 * speech(1),
        "noise": random.normal(0, 0.1, 20000),
        "tone": np.sin(np.arange(50000) / 5),
    }[name].astype(np.float32)
    result = call(served["serving_default"], waveform=sound[None])
    np.testing.assert_allclose(result["probabilities"][0], keras_row(model, sound), atol=1e-5)
    assert abs(result["probabilities"][0].sum() - 1) < 1e-5


@pytest.mark.parametrize(
    "sound",
    [np.zeros(20000), 1e-9 * speech(1), np.full(20000, 0.5), np.ones(1)],
    ids=["zeros", "tiny", "offset", "one"],
)
def test_silence_is_named_and_not_guessed(served, sound):
    for result in (
        call(served["serving_default"], waveform=sound[None].astype(np.float32)),
        call(served["wav"], wav=np.array([wav(sound)], object)),
    ):
        assert (result["label"], result["error"]) == (["silence"], [""])
        assert not result["probabilities"].any()


def test_silent_windows_have_no_vote(model, served):
    sound = np.concatenate([speech(1, seconds=2.0), np.zeros(30 * 16000)]).astype(np.float32)
    cut = spoken_windows(sound, model.audio.samples, model.audio.sample_rate)
    assert 1 < len(cut) < 10
    expected = model.score(cut).mean(axis=0)
    result = call(served["serving_default"], waveform=np.stack([sound, sound[::-1]]))
    np.testing.assert_allclose(result["probabilities"][0], expected, atol=1e-5)
    alone = call(served["serving_default"], waveform=sound[None])
    np.testing.assert_allclose(result["probabilities"][0], alone["probabilities"][0], atol=1e-6)


def test_a_batch_equals_its_rows(served):
    loudness = np.array([1, 1e-3, 30, 1e-4, 5], np.float32)[:, None]
    sound = np.stack([np.resize(speech(clip), 2 * SIZE + 99) for clip in range(5)]) * loudness
    together = call(served["serving_default"], waveform=sound)
    for row in range(5):
        alone = call(served["serving_default"], waveform=sound[row : row + 1])
        np.testing.assert_allclose(together["probabilities"][row], alone["probabilities"][0], atol=1e-5)
        np.testing.assert_allclose(together["embedding"][row], alone["embedding"][0], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_bad_row_leaves_the_others(model, served, bad):
    sound = np.stack([speech(clip, seconds=1.5) for clip in range(3)])
    sound[1, 700] = bad
    result = call(served["serving_default"], waveform=sound)
    assert_fault(result, 1, "NaN or infinite")
    for row in (0, 2):
        np.testing.assert_allclose(result["probabilities"][row], keras_row(model, sound[row]), atol=1e-5)
        assert result["error"][row] == ""


def test_waveforms_without_samples_and_batches_without_rows(model, served):
    result = call(served["serving_default"], waveform=np.zeros((2, 0), np.float32))
    for row in range(2):
        assert_fault(result, row, "no samples")
    for inputs in ({"waveform": np.zeros((0, 5), np.float32)}, {"waveform": np.zeros((0, 0), np.float32)}):
        result = call(served["serving_default"], **inputs)
        assert result["probabilities"].shape == (0, len(model.labels))
    assert call(served["wav"], wav=np.zeros(0, object).astype(bytes))["probabilities"].shape == (0, len(model.labels))


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is in KiB on Linux alone")
def test_long_recordings_take_little_memory(served):
    import resource

    random = np.random.default_rng(0)
    sound = random.standard_normal((1, 20 * 60 * 16000), np.float32)
    call(served["serving_default"], waveform=sound[:, : 4 * SIZE])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert call(served["serving_default"], waveform=sound)["error"] == [""]
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 500_000  # KiB; the spectra of its 2343 windows at once would be 1.2 GB


def test_padded_rows_equal_their_own_waveforms(model, served):
    lengths = [2, 900, SIZE, SIZE + 1, 3 * SIZE - 5, 5 * SIZE]
    sound = np.full((len(lengths), 5 * SIZE), np.nan, np.float32)  # padding that would spoil what looks at it
    for row, length in enumerate(lengths):
        sound[row, :length] = np.resize(speech(row), length)
    result = call(served["padded"], waveform=sound, length=np.array(lengths, np.int32))
    for row, length in enumerate(lengths):
        expected = keras_row(model, sound[row, :length])
        np.testing.assert_allclose(result["probabilities"][row], expected, atol=1e-5)
    assert result["error"] == [""] * len(lengths)


def test_lengths_that_cannot_be(model, served):
    sound = np.stack([speech(clip, seconds=1.5) for clip in range(4)])
    result = call(served["padded"], waveform=sound, length=np.array([24000, 0, -1, 24001], np.int32))
    assert_fault(result, 1, "no samples")
    assert_fault(result, 2, "between 1 and 24000")
    assert_fault(result, 3, "between 1 and 24000")
    np.testing.assert_allclose(result["probabilities"][0], keras_row(model, sound[0]), atol=1e-5)
    with pytest.raises(tf.errors.InvalidArgumentError, match="one length for each"):
        call(served["padded"], waveform=sound, length=np.array([24000], np.int32))


# --- WAV bytes ---


def test_prepared_wavs_give_the_samples_of_load_audio(decode):
    stereo = np.stack([speech(0, seconds=2), speech(1, seconds=2)], axis=1)
    files = [wav(speech(2)), wav(stereo), wav(0 * speech(3)), wav(3 * speech(4))]
    samples, lengths, faults = (tensor.numpy() for tensor in decode(files))
    assert faults.tolist() == [b""] * 4
    for file, part in zip(files, np.split(samples, np.cumsum(lengths)[:-1])):
        np.testing.assert_array_equal(part, load_audio(file))


def test_resampling_follows_soxr(decode):
    for rate in RATES:
        file = wav(np.random.default_rng(rate).normal(0, 0.1, 2 * rate + 77), rate)
        samples, expected = decode([file])[0].numpy(), load_audio(file)
        assert len(samples) == len(expected)
        if rate != 16000:
            assert signal_to_noise(expected, samples) > 55, rate  # white noise: the hardest; speech gains 10 dB
    for rate in (8000, 22050, 44100, 48000):
        file = wav(speech(3, rate=rate), rate)
        assert signal_to_noise(load_audio(file), decode([file])[0].numpy()) > 55, rate


def signal_to_noise(expected, samples, below_hz=7000):
    """dB, over the frequencies below `below_hz` of 16 kHz."""
    low = np.fft.rfftfreq(len(expected), 1 / 16000) < below_hz
    spectrum, error = np.fft.rfft(expected)[low], np.fft.rfft(expected - samples)[low]
    return 10 * np.log10(np.sum(np.abs(spectrum) ** 2) / np.sum(np.abs(error) ** 2))


@pytest.mark.parametrize("rate", [8000, 44100, 96000])
@pytest.mark.parametrize("frames", [1, 2, 7, 200, 1001])
def test_short_files_have_the_length_of_soxr(decode, rate, frames):
    sound = np.random.default_rng(frames).normal(0, 0.1, frames)
    expected = soxr.resample(sound, rate, 16000, quality="HQ")
    samples, lengths, faults = decode([wav(sound, rate)])
    assert (faults.numpy()[0] == b"") == bool(len(expected))
    assert lengths.numpy().tolist() == [len(expected)]
    np.testing.assert_allclose(samples, expected, atol=2e-3)


def test_blocks_of_long_files_join_without_a_seam(decode):
    for rate in (44100, 48000):
        sound = 0.5 * np.sin(2 * np.pi * 440 * np.arange(40 * rate) / rate)
        samples = decode([wav(sound, rate)])[0].numpy()[200:-200]
        expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(40 * 16000) / 16000)[200:-200]
        assert np.abs(samples - expected).max() < 2e-4


def test_wav_equals_keras_on_soxr(model, served):
    for rate in (8000, 16000, 22050, 44100, 48000):
        files = [wav(speech(clip, rate=rate), rate) for clip in range(4)]
        result = call(served["wav"], wav=files)
        expected = np.stack([keras_row(model, load_audio(file)) for file in files])
        tolerance = 1e-5 if rate == 16000 else 5e-3  # the top mel band lies where low-passes fall off
        np.testing.assert_allclose(result["probabilities"], expected, atol=tolerance, err_msg=str(rate))
        assert result["label"] == [model.labels[index] for index in expected.argmax(axis=1)]


def test_files_of_unequal_lengths_and_rates_stand_alone(served):
    files = [
        wav(speech(0, seconds=0.2)),
        wav(speech(1, seconds=45)),
        b"nothing",
        wav(np.stack([speech(2, 3, 44100), speech(3, 3, 44100)], axis=1), 44100),
        wav(speech(4, 2, 8000), 8000),
    ]
    together = call(served["wav"], wav=files)
    for row, file in enumerate(files):
        alone = call(served["wav"], wav=[file])
        np.testing.assert_allclose(together["probabilities"][row], alone["probabilities"][0], atol=1e-5)
        assert together["error"][row] == alone["error"][0]
    assert [bool(fault) for fault in together["error"]] == [False, False, True, False, False]


PCM = (8000 * np.sin(np.arange(4000) / 7)).astype("<i2").tobytes()
GUID = b"\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71"


def extensible(code=1, bits=16):
    return fmt(bits=bits, code=0xFFFE) + struct.pack("<HHIH", 22, bits, 4, code) + GUID


WHOLE = {
    "LIST before fmt": riff(chunk(b"LIST", b"INFOabc"), chunk(b"fmt ", fmt()), chunk(b"data", PCM)),
    "LIST before data": riff(chunk(b"fmt ", fmt()), chunk(b"LIST", b"INFO" + b"x" * 31), chunk(b"data", PCM)),
    "LIST after data": riff(chunk(b"fmt ", fmt()), chunk(b"data", PCM), chunk(b"LIST", b"INFOabcd")),
    "a name of data in a chunk": riff(chunk(b"junk", b"data" * 9), chunk(b"fmt ", fmt()), chunk(b"data", PCM)),
    "fmt of 18 bytes": riff(chunk(b"fmt ", fmt() + b"\0\0"), chunk(b"data", PCM)),
    "extensible": riff(chunk(b"fmt ", extensible()), chunk(b"fact", b"\0" * 4), chunk(b"data", PCM)),
    "streamed": riff(chunk(b"fmt ", fmt()), b"data\xff\xff\xff\xff" + PCM),
    "streamed, 2 GiB": riff(chunk(b"fmt ", fmt()), b"data\x00\x00\xff\x7f" + PCM),
    "wrong RIFF size": b"RIFF\0\0\0\0" + riff(chunk(b"fmt ", fmt()), chunk(b"data", PCM))[8:],
    "second data": riff(chunk(b"fmt ", fmt()), chunk(b"data", PCM), chunk(b"data", PCM[::-1])),
    "half a chunk after data": riff(chunk(b"fmt ", fmt()), chunk(b"data", PCM)) + b"LIS",
    "last byte missing of an even number": riff(chunk(b"fmt ", fmt()), chunk(b"data", PCM + b"\1")),
}


@pytest.mark.parametrize("name", WHOLE)
def test_headers_that_programs_write(decode, name):
    samples, _, faults = decode([WHOLE[name]])
    assert faults.numpy().tolist() == [b""]
    np.testing.assert_array_equal(samples, np.frombuffer(PCM, "<i2") / np.float32(32768))


PLAIN = riff(chunk(b"fmt ", fmt()), chunk(b"data", PCM))
FAST = struct.pack("<HHIIHH", 1, 1, 2**32 - 1, 0, 2, 16)
FAULTS = {
    "empty": (b"", "empty: 0 bytes"),
    "one byte": (b"R", "not a WAV"),
    "RIFF alone": (b"RIFF", "not a WAV"),
    "another RIFF": (b"RIFF\0\0\0\0AVI ", "not a WAV"),
    "big-endian": (b"RIFX" + PLAIN[4:], "not a WAV"),
    "FLAC": (wav(speech(0), kind="FLAC"), "not a WAV"),
    "text": ("héllo".encode() * 99, "not a WAV"),
    "header alone": (PLAIN[:12], "without its fmt or data"),
    "cut in fmt": (PLAIN[:30], "without its fmt or data"),
    "no fmt": (riff(chunk(b"data", PCM)), "without its fmt or data"),
    "no data": (riff(chunk(b"fmt ", fmt())), "without its fmt or data"),
    "a chunk too long": (riff(b"LIST\xff\xff\xff\xff", chunk(b"fmt ", fmt()), chunk(b"data", PCM)), "without its fmt"),
    "chunks without end": (riff(*[chunk(b"junk", b"")] * 5000), "without its fmt or data"),
    "cut in data": (PLAIN[:-100], "cut short: 100 bytes"),
    "no samples": (riff(chunk(b"fmt ", fmt()), chunk(b"data", b"")), "no samples"),
    "half a sample": (riff(chunk(b"fmt ", fmt()), chunk(b"data", b"\1")), "no samples"),
    "no channels": (riff(chunk(b"fmt ", fmt(channels=0)), chunk(b"data", PCM)), "unsupported encoding"),
    "8 bits": (wav(speech(0), subtype="PCM_U8"), "unsupported encoding (format 1, 8 bits)"),
    "24 bits": (wav(speech(0), subtype="PCM_24"), "unsupported encoding (format 1, 24 bits)"),
    "float": (wav(speech(0), subtype="FLOAT"), "unsupported encoding (format 3, 32 bits)"),
    "mu-law": (wav(speech(0), subtype="ULAW"), "unsupported encoding (format 7, 8 bits)"),
    "float, extensible": (riff(chunk(b"fmt ", extensible(3, 32)), chunk(b"data", PCM)), "(format 3"),
    "rate 0": (riff(chunk(b"fmt ", fmt(rate=0)), chunk(b"data", PCM)), "unsupported sample rate 0 Hz"),
    "4 kHz": (wav(speech(0), 4000), "unsupported sample rate 4000 Hz"),
    "384 kHz": (wav(speech(0), 384000), "unsupported sample rate 384000 Hz"),
    "4 GHz": (riff(chunk(b"fmt ", FAST), chunk(b"data", PCM)), "4294967295"),
    "prime rate": (wav(speech(0), 16001), "unsupported sample rate 16001 Hz"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_bad_file_leaves_the_others(model, served, name):
    bad, fault = FAULTS[name]
    good = wav(speech(1, seconds=1.2))
    result = call(served["wav"], wav=[good, bad, good])
    assert_fault(result, 1, fault)
    for row in (0, 2):
        np.testing.assert_allclose(result["probabilities"][row], keras_row(model, load_audio(good)), atol=1e-5)


def test_bytes_of_any_kind_are_safe(served):
    random, whole = np.random.default_rng(0), wav(speech(0, seconds=0.3))
    files = [whole[:cut] for cut in range(0, 60)]
    for _ in range(200):
        spoilt = bytearray(whole[: random.integers(40, 400)])
        for place in random.integers(0, 60, 3):
            spoilt[place % len(spoilt)] = random.integers(256)
        files.append(bytes(spoilt))
    result = call(served["wav"], wav=[*files, whole])
    for error, row in zip(result["error"], result["probabilities"]):
        assert abs(row.sum() - (error == "")) < 1e-5
    assert result["error"][-1] == ""


# --- The folder ---


@pytest.mark.parametrize(
    "value", [np.zeros(9, np.float32), np.zeros((1, 2, 3), np.float32), np.zeros((1, 9), np.int32)]
)
def test_a_wrong_rank_or_type_fails_the_call(served, value):
    with pytest.raises((tf.errors.InvalidArgumentError, TypeError, ValueError)):
        served["serving_default"](waveform=tf.constant(value))


def test_only_core_operations(folder):
    bundle = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    graph = bundle.meta_graphs[0].graph_def
    used = {node.op for function in graph.library.function for node in function.node_def} | {n.op for n in graph.node}
    from tensorflow.python.framework import op_def_registry

    functions = {function.signature.name for function in graph.library.function}
    assert not {name for name in used - functions if op_def_registry.get(name) is None}
    assert not {name for name in used if "PyFunc" in name or ">" in name or name == "DecodeWav"}
    assert {"BatchMatMulV2", "Conv2D"} <= used  # the front end's and the network's: the list is that of the whole graph
    assert len(graph.SerializeToString()) < 3e6  # the network once


def test_signatures_and_assets(model, folder, served):
    assert sorted(served) == sorted(SIGNATURES)
    for signature in served.values():
        assert sorted(signature.structured_outputs) == ["embedding", "error", "label", "probabilities"]
    assert (folder / "assets/labels.txt").read_text().split() == model.labels
    settings = json.loads((folder / "assets/settings.json").read_text())
    assert settings["audio"]["samples"] == SIZE
    assert settings["network"]["architecture"] == "tiny"
    assert settings["versions"] == {"tensorflow": tf.__version__, "keras": keras.__version__}


def fields(data):
    """Bytes fields of a message in protocol buffers' wire format: `[(number, bytes)]`, read with the wire's rules."""
    found, at = [], 0
    while at < len(data):
        numbers = []
        for _ in range(2):  # tag, length
            value = shift = 0
            while True:
                byte, at = data[at], at + 1
                value, shift = value | (byte & 127) << shift, shift + 7
                if byte < 128:
                    break
            numbers.append(value)
        tag, size = numbers
        assert tag & 7 == 2, "all fields written here are bytes"
        found.append((tag >> 3, data[at : at + size]))
        at += size
    assert at == len(data)
    return found


def test_every_export_has_warmup_requests_that_run(model, served, tmp_path):
    report = write_saved_model(model, tmp_path / "1")
    records = list(tf.data.TFRecordDataset(str(tmp_path / "1/assets.extra/tf_serving_warmup_requests")))
    assert report["warmup_requests"] == len(records) <= 1000
    assert report["bytes"] == sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    names = set()
    for record in records:
        ((log, body),) = fields(record.numpy())
        ((request, body),) = fields(body)
        (spec, name), *inputs = fields(body)
        assert (log, request, spec, {number for number, _ in inputs}) == (6, 1, 1, {2})
        ((field, name),) = fields(name)
        assert field == 3
        entries = [dict(fields(entry)) for _, entry in inputs]
        values = {e[1].decode(): tf.make_ndarray(tensor_pb2.TensorProto.FromString(e[2])) for e in entries}
        assert not any(call(served[name.decode()], **values)["error"])
        names.add(name.decode())
    assert names == set(SIGNATURES)


@pytest.mark.skipif(not SERVING_API, reason="tensorflow-serving-api is not installed")
def test_warmup_requests_are_those_of_the_api(model, tmp_path):
    from tensorflow_serving.apis import prediction_log_pb2

    write_saved_model(model, tmp_path / "1")
    for record in tf.data.TFRecordDataset(str(tmp_path / "1/assets.extra/tf_serving_warmup_requests")):
        request = prediction_log_pb2.PredictionLog.FromString(record.numpy()).predict_log.request
        assert request.model_spec.signature_name in SIGNATURES
        assert all(tf.make_ndarray(tensor).size for tensor in request.inputs.values())


def test_the_licence_of_the_weights_is_inside(model, tmp_path):
    model.licence, model.trained_on = licence_of(["ravdess"]), ["ravdess"]
    write_saved_model(model, tmp_path / "1", warmup=False)
    settings = json.loads((tmp_path / "1/assets/settings.json").read_text())
    assert settings["licence"].startswith("CC BY-NC-SA 4.0, non-commercial")
    assert settings["trained_on"] == ["ravdess"]
    assert (tmp_path / "1/assets.extra/licence.txt").read_text().startswith("CC BY-NC-SA 4.0")


def test_what_cannot_be_exported(model, tmp_path):
    with pytest.raises(InputError, match="EmoHRNet"):
        write_saved_model(keras.Sequential(), tmp_path / "1")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be made"):
        write_saved_model(model, tmp_path / "file")
    with pytest.raises(InputError, match="empty folder"):
        write_saved_model(model, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert Path(tmp_path / "file").read_text() == ""
