import io
import struct

import numpy as np
import pytest
import soundfile
import tensorflow as tf
from recordings import RATE, muxed, voice, written

from emohrnet_tf.audio.decode import read_clip
from emohrnet_tf.audio.decoders import decoder_of, versions
from emohrnet_tf.audio.files import load_audio, stream_audio
from emohrnet_tf.corpora.index import _read_facts
from emohrnet_tf.errors import InputError

SOUND = voice()
OTHER = voice(1.0, seed=1, pitch=300.0)


def every_reader(data, tmp_path):
    """The waveform, after a look that the stream, the index and the pipeline read the same."""
    path = tmp_path / "recording"
    path.write_bytes(data)
    waveform = load_audio(path)
    np.testing.assert_allclose(np.concatenate(list(stream_audio(path, seconds=0.3))), waveform, atol=1e-4)
    np.testing.assert_allclose(np.concatenate(list(stream_audio(io.BytesIO(data)))), waveform, atol=1e-4)
    (piped,) = tf.data.Dataset.from_tensors(str(path)).map(read_clip)
    np.testing.assert_array_equal(piped.numpy(), waveform)
    assert _read_facts(str(path))["seconds"] == pytest.approx(len(waveform) / RATE, abs=1e-3)
    return waveform


# --- To the end of the bytes ---


@pytest.mark.parametrize(
    ("kind", "subtype", "spare"),
    [
        ("WAV", "PCM_16", 0),
        ("FLAC", "PCM_16", 0),
        ("OGG", "VORBIS", 0),
        ("OGG", "OPUS", 0),
        ("MP3", "MPEG_LAYER_III", 3000),
        ("AIFF", "PCM_16", 0),
        ("AU", "PCM_16", 0),
        ("CAF", "PCM_16", 0),
        ("W64", "PCM_16", 0),
        ("RF64", "PCM_16", 0),
    ],
)
def test_joined_files_are_read_to_the_end_of_the_last(tmp_path, kind, subtype, spare):
    first, second = (written(sound, kind, subtype) for sound in (SOUND, OTHER))
    length = len(load_audio(first)) + len(load_audio(second))
    waveform = every_reader(first + second, tmp_path)
    assert length <= len(waveform) <= length + spare
    np.testing.assert_allclose(waveform[: len(SOUND) - 2000], load_audio(first)[:-2000], atol=1e-4)


@pytest.mark.parametrize("container", ["mp4", "mov", "3gp"])
def test_joined_recordings_of_phones_are_read_to_the_end_of_the_last(tmp_path, container):
    first, second = (muxed(sound, container, "aac", RATE) for sound in (SOUND, OTHER))
    waveform = every_reader(first + second, tmp_path)
    assert len(waveform) == len(load_audio(first)) + len(load_audio(second))


@pytest.mark.parametrize(("kind", "subtype"), [("WAV", "PCM_16"), ("FLAC", "PCM_16"), ("OGG", "VORBIS")])
def test_joined_files_may_have_rates_of_their_own(kind, subtype):
    waveform = load_audio(written(SOUND, kind, subtype) + written(SOUND, kind, subtype, rate=32000))
    assert len(waveform) == len(SOUND) * 3 // 2


def test_an_mp3_of_variable_rate_without_a_length_tag_is_whole(tmp_path):
    quiet_then_loud = np.concatenate([np.zeros(48000), np.random.default_rng(0).normal(0, 0.2, 48000)])
    data = written(quiet_then_loud, "MP3", "MPEG_LAYER_III", bitrate_mode="VARIABLE")
    assert len(every_reader(data[data.index(data[:2], 100) :], tmp_path)) == pytest.approx(96000, abs=3000)


def with_length(data, position, length, form="<I"):
    changed = bytearray(data)
    struct.pack_into(form, changed, position, length)
    return bytes(changed)


@pytest.mark.parametrize("length", [0, 2, 6400, 2 * len(SOUND) + 2, 2 * len(SOUND) + 44, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_wav_is_read_to_its_end_whatever_its_header_says(tmp_path, length):
    data = written(SOUND)
    np.testing.assert_array_equal(every_reader(with_length(data, 40, length), tmp_path), load_audio(data))


def test_what_follows_the_samples_of_a_wav_is_no_sound():
    data = written(SOUND)
    tag = b"LIST" + struct.pack("<I", 26) + b"INFOISFT\x0e\0\0\0Lavf58.76.100\0"
    for rest in (tag, b"id3 " + struct.pack("<I", 4) + b"ID3\4", b"\0" * 64, b"TAG" + b"a" * 125):
        assert len(load_audio(data + rest)) == len(SOUND)
    empty = written(np.zeros(0))
    with pytest.raises(InputError, match="holds no samples"):
        load_audio(empty + tag)


@pytest.mark.parametrize(
    ("kind", "find", "form"),
    [("AU", struct.pack(">I", 2 * len(SOUND)), ">I"), ("AIFF", struct.pack(">I", 2 * len(SOUND) + 8), ">I"),
     ("CAF", struct.pack(">Q", 2 * len(SOUND) + 4), ">Q"), ("RF64", struct.pack("<Q", 2 * len(SOUND)), "<Q")],
)  # fmt: skip
@pytest.mark.parametrize("change", ["zero", "unknown", "two more"])
def test_other_containers_of_samples_are_read_to_their_end(kind, find, form, change):
    data = written(SOUND, kind)
    position, (length,) = data.index(find), struct.unpack(form, find)
    new = {"zero": 0, "unknown": (1 << 8 * len(find)) - 1, "two more": length + 2}[change]
    np.testing.assert_array_equal(load_audio(with_length(data, position, new, form)), load_audio(data))


@pytest.mark.parametrize("frames", [0, 1000])
def test_a_flac_is_read_to_its_end_whatever_its_header_says(tmp_path, frames):
    data = written(SOUND, "FLAC")
    waveform = every_reader(with_length(data, 22, frames, ">I"), tmp_path)
    np.testing.assert_array_equal(waveform, load_audio(data))
    with pytest.raises(InputError, match="cut short: 32000 of 99999 frames"):
        load_audio(with_length(data, 22, 99999, ">I"))


def test_a_section_lies_where_the_bytes_are():
    data = written(SOUND) + written(OTHER)
    whole = load_audio(data)
    np.testing.assert_array_equal(load_audio(data, start=1.5, end=2.5), whole[24000:40000])
    with pytest.raises(InputError, match=r"lasts 3\.000 s"):
        load_audio(data, start=3.5)


# --- What phones and browsers record ---

PHONES = [("mp4", "aac", 44100), ("mov", "aac", 48000), ("adts", "aac", 44100), ("webm", "libopus", 48000),
          ("matroska", "flac", 16000), ("mp4", "alac", 16000), ("3gp", "libopencore_amrnb", 8000),
          ("amr", "libopencore_amrnb", 8000), ("mp3", "libmp3lame", 44100)]  # fmt: skip


@pytest.mark.parametrize(("container", "codec", "rate"), PHONES)
def test_recordings_of_phones_and_browsers_are_read(tmp_path, container, codec, rate):
    import soxr

    data = muxed(soxr.resample(SOUND, RATE, rate), container, codec, rate)
    waveform = every_reader(data, tmp_path)
    assert abs(len(waveform) - len(SOUND)) <= 1200
    if codec not in ("libopencore_amrnb",) and container != "adts":  # the priming of raw AAC is not told anywhere
        assert np.corrcoef(waveform[:30000], SOUND[:30000])[0, 1] > 0.95


@pytest.mark.parametrize(
    ("kind", "subtype"), [("WAV", "PCM_16"), ("WAV", "PCM_24"), ("WAV", "FLOAT"), ("FLAC", "PCM_24")]
)
def test_the_two_decoders_give_the_same_samples(monkeypatch, kind, subtype):
    data = written(SOUND, kind, subtype)
    expected = load_audio(data)
    monkeypatch.setattr("emohrnet_tf.audio.decoders.decoder_of", lambda head: "PyAV")
    np.testing.assert_array_equal(load_audio(data), expected)


def test_the_decision_is_told_by_the_first_bytes():
    assert decoder_of(written(OTHER)[:12]) == decoder_of(written(OTHER, "FLAC")[:12]) == "soundfile"
    assert decoder_of(muxed(OTHER, "mp4", "aac")[:12]) == decoder_of(b"ID3\4" + bytes(8)) == "PyAV"
    assert set(versions()) == {"soundfile", "PyAV"}


def test_what_is_no_recording_is_named():
    import av

    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as output:
        stream = output.add_stream("mpeg4", rate=5)
        stream.width = stream.height = 32
        for _ in range(3):
            output.mux(stream.encode(av.VideoFrame(32, 32, "yuv420p")))
        output.mux(stream.encode(None))
    with pytest.raises(InputError, match="no audio track"):
        load_audio(file.getvalue())
    with pytest.raises(InputError, match="damaged"):
        load_audio(muxed(SOUND, "mp4", "aac")[:4000])
    for mark, reason in ((b"", "codec that is not supported"), (b"drms", r"protected \(DRM\)")):
        with pytest.raises(InputError, match=reason):
            load_audio(muxed(SOUND, "mp4", "alac").replace(b"alac", b"zzzz") + mark)


def test_a_playlist_opens_no_other_file(tmp_path):
    (tmp_path / "secret.wav").write_bytes(written(SOUND))
    for text in (
        f"ffconcat version 1.0\nfile {tmp_path}/secret.wav\n",
        f"#EXTM3U\n#EXTINF:9,\n{tmp_path}/secret.wav\n",
    ):
        (tmp_path / "list.mp3").write_text(text)
        with pytest.raises(InputError, match="not audio"):
            load_audio(tmp_path / "list.mp3")


def test_decoders_say_nothing_on_the_terminal(capfd):
    whole = written(SOUND, "MP3", "MPEG_LAYER_III")
    for data in (
        whole + whole,
        whole[:5000],
        b"\xff\xfb" + bytes(3000),
        written(SOUND, "FLAC")[:3000],
        b"RIFF\xff\xff",
    ):
        try:
            load_audio(data)
        except InputError:
            continue
    assert capfd.readouterr().err == ""


# --- Samples ---


@pytest.mark.parametrize("rate", [16000, 44100])
@pytest.mark.parametrize("value", [1e30, 1e38, 1e300, np.nan])
def test_samples_beyond_reason_are_refused_by_name(rate, value):
    audio = 0.1 * np.ones((3000, 2))
    audio[500] = value
    with pytest.raises(InputError, match="holds samples (beyond|that are NaN)"):
        load_audio(written(audio, subtype="DOUBLE", rate=rate))
    assert np.isfinite(load_audio(written(np.full(3000, 1e9), subtype="DOUBLE", rate=rate))).all()


def test_opposite_channels_do_not_cancel(tmp_path):
    stereo = np.stack([SOUND, -SOUND], axis=1)
    for data in (written(stereo), written(stereo, "FLAC", rate=44100)):
        expected = load_audio(data, channel="left")
        np.testing.assert_allclose(load_audio(data), expected, atol=1e-6)
        np.testing.assert_allclose(
            np.concatenate(list(stream_audio(io.BytesIO(data), seconds=0.33))), expected, atol=1e-4
        )
    np.testing.assert_allclose(load_audio(written(np.stack([SOUND, SOUND], axis=1))), load_audio(written(SOUND)))


def test_the_length_is_measured(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros((8000, 2)), RATE)
    facts = {}
    assert sum(map(len, stream_audio(tmp_path / "a.wav", measured=facts))) == 8000
    assert facts == {"seconds": 0.5, "channels": 2}
