import os
import re

import librosa
import numpy as np
import pandas as pd
import pytest
import soundfile

from emohrnet_tf.demo import speech
from emohrnet_tf.demo import voices as synthetic
from emohrnet_tf.demo.voices import DIMENSIONS, EMOTIONS, PROSODY, make_corpus, make_voice, plan_clip, speak
from emohrnet_tf.errors import InputError

SMALL = dict(speakers=2, clips_per_emotion=1, seed=3)
NAME = re.compile(r"Actor_(\d\d)/03-01-(0[1-8])-(0[12])-(\d\d)-(\d\d)-(\d\d)\.wav")


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("synthetic") / "small"
    return folder, make_corpus(folder, **SMALL, workers=1)


@pytest.fixture(scope="module")
def plan():
    return pd.DataFrame(
        plan_clip(0, speaker, emotion, clip) for speaker in range(1, 21) for emotion in EMOTIONS for clip in range(6)
    )


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def row_at(emotion="neutral", speaker=1, clip=0, **changes):
    """A clip whose prosody follows the point exactly, without its own noise."""
    row = plan_clip(0, speaker, emotion, clip) | changes
    point = [row[dimension] for dimension in DIMENSIONS]
    return row | {cue: origin + np.dot(slopes, point) for cue, (origin, *slopes, _) in PROSODY.items()} | changes


def pitch_hz(waveform):
    """Pitch of the frames librosa is sure of: an independent reference."""
    pitch, voiced, _ = librosa.pyin(waveform, fmin=60, fmax=500, sr=16000, frame_length=1024, hop_length=256)
    return pitch[voiced]


def test_same_arguments_give_the_same_bytes_for_any_number_of_workers(small, tmp_path):
    make_corpus(tmp_path / "again", **SMALL, workers=4)
    assert contents(tmp_path / "again") == contents(small[0])


def test_another_seed_gives_other_voices_and_clips(small, tmp_path):
    other = make_corpus(tmp_path, speakers=1, clips_per_emotion=1, seed=4)
    assert not set(other["valence"]) & set(small[1]["valence"])
    assert make_voice(3, 1) != make_voice(4, 1)


def test_the_table_on_disk_is_the_table_returned(small):
    folder, index = small
    pd.testing.assert_frame_equal(pd.read_csv(folder / "synthetic.csv"), index)
    assert len(index) == 2 * 8
    assert sorted(index["file"]) == sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.wav"))
    assert {path.name for path in folder.iterdir()} == {"synthetic.csv", "Actor_01", "Actor_02"}


def test_names_follow_the_grammar_and_differ(plan):
    many = [plan_clip(0, 1, emotion, clip) for emotion in EMOTIONS for clip in range(synthetic.MAX_CLIPS_PER_EMOTION)]
    assert len({row["file"] for row in many}) == len(many)
    for row in [*many, *plan.to_dict("records")]:
        folder, code, intensity, statement, repetition, actor = NAME.fullmatch(row["file"]).groups()
        assert list(EMOTIONS)[int(code) - 1] == row["emotion"]
        assert folder == actor == row["speaker"][-2:]
        assert (int(statement), int(repetition)) == (row["statement"], row["repetition"])
        assert intensity == "01" or row["emotion"] != "neutral"


def test_files_are_what_the_corpus_promises(small):
    folder, index = small
    for row in index.itertuples():
        info = soundfile.info(folder / row.file)
        assert (info.samplerate, info.channels, info.subtype) == (16000, 1, "PCM_16")
        assert info.frames == round(row.duration_seconds * 16000)
        samples, _ = soundfile.read(folder / row.file, dtype="int16")
        assert 300 < np.abs(samples.astype(int)).max() < 32000
        assert samples[:2400].std() < samples.std() / 5, "the start is background"


def test_durations_leave_room_for_the_window(plan):
    assert plan["duration_seconds"].max() <= 3.5
    assert (plan["duration_seconds"] <= 3.072).mean() > 0.7
    assert plan["speech_seconds"].between(1.8, 2.7001).all()
    assert plan["start_seconds"].between(0.2, 0.4).all()


def test_emotions_overlap_in_every_dimension(plan):
    by_emotion = plan.groupby("emotion")[list(DIMENSIONS)]
    between = pd.DataFrame(EMOTIONS, index=DIMENSIONS).std(axis=1)
    assert (by_emotion.std().pow(2).mean().pow(0.5) >= 0.5 * between).all()
    assert plan[list(DIMENSIONS)].abs().to_numpy().max() <= 1


def test_prosody_is_its_law_plus_small_noise(plan):
    for cue, (origin, *slopes, noise) in PROSODY.items():
        rest = plan[cue] - (origin + plan[list(DIMENSIONS)] @ np.array(slopes))
        assert rest.std() == pytest.approx(noise, rel=0.1)
        assert abs(rest.corr(plan["valence"])) < 0.1


@pytest.mark.parametrize("speaker", [1, 2])
def test_pitch_follows_arousal_from_the_speakers_own(speaker):
    own, flat = make_voice(0, speaker)["pitch_hz"], {"valence": 0.0, "dominance": 0.0, "pitch_range_semitones": 1.0}
    low, high = (
        12 * np.log2(pitch_hz(speak(0, row_at(speaker=speaker, arousal=arousal, **flat))) / own).mean()
        for arousal in (-0.8, 0.8)
    )
    assert high - low == pytest.approx(3.0 * 1.6, abs=0.6)
    assert high + low == pytest.approx(0, abs=1.2)


def test_arousal_widens_the_pitch_range():
    level = {"valence": 0.0, "dominance": 0.0}
    low, high = (np.log2(pitch_hz(speak(0, row_at(arousal=arousal, **level)))).std() for arousal in (-0.8, 0.8))
    assert high > 1.3 * low


def test_valence_turns_the_end_of_the_pitch_contour():
    flat = {"arousal": 0.0, "dominance": 0.0, "pitch_range_semitones": 1.0, "pitch_glide_semitones": 0.0}
    fall, rise = (12 * np.log2(pitch_hz(speak(0, row_at(valence=valence, **flat)))) for valence in (-0.8, 0.8))
    assert (rise[-6:].mean() - rise[:-30].mean()) - (fall[-6:].mean() - fall[:-30].mean()) > 3


def formant_shift(first, second):
    """Factor along log-frequency that lines up two clips' mean envelopes, by linear prediction."""
    hz, lags, slopes = np.geomspace(500, 5000, 400), np.arange(-40, 41), []
    for waveform in (first, second):
        frames = librosa.util.frame(waveform, frame_length=640, hop_length=320).T
        frames = frames[frames.std(axis=1) > 0.1 * frames.std(axis=1).max()]
        inverse = librosa.lpc(frames * np.hanning(640), order=14) @ np.exp(
            -2j * np.pi * np.outer(np.arange(15), hz) / 16000
        )
        slopes.append(np.gradient(-np.log(np.abs(inverse)).mean(axis=0)))
    match = [np.corrcoef(slopes[0][40:-40], slopes[1][40 + lag : 360 + lag])[0, 1] for lag in lags]
    return (hz[1] / hz[0]) ** lags[np.argmax(match)]


@pytest.mark.parametrize("speaker", [1, 2])
def test_emotion_leaves_the_formants_alone(speaker, monkeypatch):
    def voice(arousal=0.0):
        timbre = {"rate_log2": 0.0, "tilt_db_per_octave": 0.0}  # the same frames, no brighter or darker
        return speak(0, row_at(speaker=speaker, valence=0.0, arousal=arousal, dominance=0.0, **timbre))

    assert 0.97 < formant_shift(voice(arousal=-0.6), voice(arousal=0.6)) < 1.03
    own = make_voice(0, speaker)
    by_size = []
    for scale in (0.95, 1.05):
        monkeypatch.setattr(speech, "make_voice", lambda *_, scale=scale: own | {"formant_scale": scale})
        by_size.append(voice())
    assert formant_shift(*by_size) > 1.05, "the measure sees a vocal tract that does change"


def test_speakers_differ_in_pitch_vocal_tract_and_level():
    voices = pd.DataFrame([make_voice(0, speaker) for speaker in range(1, 41)])
    assert voices["pitch_hz"].between(85, 260).all()
    assert voices["formant_scale"].between(0.85, 1.2).all()
    assert voices["pitch_hz"].corr(voices["formant_scale"]) > 0.6
    assert 15 < np.ptp(voices["level_dbfs"]) <= 20
    quiet, loud = voices["level_dbfs"].argmin() + 1, voices["level_dbfs"].argmax() + 1
    heard = [20 * np.log10(speak(0, row_at(speaker=speaker)).std()) for speaker in (quiet, loud)]
    assert heard[1] - heard[0] > 12


def test_the_furthest_points_still_make_sound():
    for corner in np.array(np.meshgrid(*[(-1.0, 1.0)] * 3)).reshape(3, -1).T:
        row = row_at("anger", speaker=3, **dict(zip(DIMENSIONS, corner)))
        row |= {"shimmer_db": -0.1, "jitter_percent": -0.1}
        waveform = speak(0, row)
        assert np.isfinite(waveform).all()
        assert 0.001 < np.abs(waveform).max() <= 0.95 + 1e-9


def test_an_interrupted_run_leaves_whole_files_and_goes_on(small, tmp_path):
    class Interrupted(Exception):
        pass

    def interrupt(done, total):
        if done == 5:
            raise Interrupted

    folder = tmp_path / "corpus"
    with pytest.raises(Interrupted):
        make_corpus(folder, **SMALL, workers=2, progress=interrupt)
    assert not (folder / "synthetic.csv").exists()
    kept = list(folder.rglob("*.wav"))
    assert 5 <= len(kept) < 16
    whole = contents(small[0])
    assert all(path.read_bytes() == whole[str(path.relative_to(folder))] for path in kept)
    times = {path: path.stat().st_mtime_ns for path in kept}
    told = []
    make_corpus(folder, **SMALL, progress=lambda done, total: told.append((done, total)))
    assert contents(folder) == whole
    assert {path: path.stat().st_mtime_ns for path in kept} == times
    assert told == [(done, 16) for done in range(len(kept) + 1, 17)]


def test_a_failing_disk_leaves_no_half_file(tmp_path, monkeypatch):
    def half(path, *args, **kwargs):
        path.write_bytes(b"RIFF")
        raise OSError("No space left on device")

    monkeypatch.setattr(synthetic.soundfile, "write", half)
    with pytest.raises(InputError, match="No space"):
        make_corpus(tmp_path, **SMALL, workers=1)
    assert not any(path.is_file() for path in tmp_path.glob("Actor_*/*"))
    assert not (tmp_path / "synthetic.csv").exists()


def test_a_truncated_file_is_made_again_and_the_others_kept(small, tmp_path):
    make_corpus(tmp_path, **SMALL)
    victim, *others = sorted(tmp_path.rglob("*.wav"))
    os.truncate(victim, 1000)
    times = [path.stat().st_mtime_ns for path in others]
    make_corpus(tmp_path, **SMALL)
    assert contents(tmp_path) == contents(small[0])
    assert [path.stat().st_mtime_ns for path in others] == times


def test_a_folder_of_something_else_is_refused(small, tmp_path):
    recording = tmp_path / "Actor_01" / "03-01-01-01-01-01-01.wav"
    recording.parent.mkdir()
    recording.write_bytes(b"a real recording")
    with pytest.raises(InputError, match=r"name another folder\. Received: '"):
        make_corpus(tmp_path, **SMALL)
    assert contents(tmp_path) == {"Actor_01/03-01-01-01-01-01-01.wav": b"a real recording"}
    with pytest.raises(InputError, match="other arguments"):
        make_corpus(small[0], **SMALL | {"seed": 4})
    with pytest.raises(InputError, match="cannot make the folder"):
        make_corpus(recording, **SMALL)


@pytest.mark.parametrize(
    "wrong",
    [
        {"speakers": 0},
        {"speakers": 100},
        {"clips_per_emotion": 0},
        {"clips_per_emotion": 97},
        {"clips_per_emotion": 1.5},
        {"seed": -1},
        {"seed": "0"},
        {"workers": 0},
        {"speakers": True},
    ],
)
def test_arguments_out_of_range_are_refused_before_anything_is_written(tmp_path, wrong):
    [(name, value)] = wrong.items()
    with pytest.raises(InputError, match=rf"^{name} must be .*Received: {re.escape(repr(value))}$"):
        make_corpus(tmp_path / "new", **wrong)
    assert not (tmp_path / "new").exists()
