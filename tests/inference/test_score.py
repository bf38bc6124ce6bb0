import os
import subprocess
import sys
import threading
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from emohrnet_tf import InputError
from emohrnet_tf.audio.files import load_audio
from emohrnet_tf.audio.silence import spoken_windows
from emohrnet_tf.inference import score
from emohrnet_tf.inference.predict import predict
from emohrnet_tf.inference.score import columns, score_files

RATE = 16000


class Loudness:
    """Two probabilities of a window: that it is loud, and that it is not. Costs nothing."""

    labels, samples, sample_rate, widths = ["loud", "soft"], 3 * RATE, RATE, {"probabilities": 2}

    def __init__(self):
        self.batches = []

    def answer_windows(self, windows):
        self.batches.append(len(windows))
        loud = np.abs(windows).mean(axis=1)
        return {"probabilities": np.stack([loud, 1 - loud], axis=1).astype("float32")}


def noise(seconds, seed=0, every=7.0):
    """Blocks of noise of changing loudness."""
    random, left = np.random.default_rng(seed), int(seconds * RATE)
    while left > 0:
        block = random.uniform(0.05, 0.9) * random.uniform(-1, 1, min(left, int(every * RATE)))
        left -= len(block)
        yield block.astype("float32")


def expected(waveform):
    cut = spoken_windows(waveform, Loudness.samples, RATE)
    return Loudness().answer_windows(cut)["probabilities"].mean(axis=0)


def test_files_of_all_lengths_share_batches_and_keep_their_answers_and_their_order():
    seconds = [0.5, 400.0, 2.0, 3.0, 130.0, 3.1, 0.01, 75.0, 4.0, 10.0]
    model = Loudness()
    read = lambda file, rate: noise(seconds[file], seed=file)  # noqa: E731
    rows = list(score_files(model, range(len(seconds)), read))
    assert [row["file"] for row in rows] == [str(number) for number in range(len(seconds))]
    for number, row in enumerate(rows):
        assert list(row) == columns(model) == ["file", "emotion", "loud", "soft", "error"]
        waveform = np.concatenate(list(noise(seconds[number], seed=number)))
        np.testing.assert_allclose([row["loud"], row["soft"]], expected(waveform), atol=1e-6)
    assert max(model.batches) < 2 * score.BATCH
    assert len(model.batches) <= 1 + sum(model.batches) // score.BATCH


def test_memory_grows_with_neither_the_length_nor_the_number_of_the_recordings():
    peaks = {}
    for minutes, files in ((2, 6), (16, 6), (16, 12)):
        read = lambda file, rate, m=minutes: noise(60 * m, seed=file)  # noqa: E731
        tracemalloc.start()
        for _ in score_files(Loudness(), range(files), read):
            pass
        peaks[minutes, files] = tracemalloc.get_traced_memory()[1] / 1e6
        tracemalloc.stop()
    assert max(peaks.values()) < 200, peaks  # four recordings of 16 minutes are 245 MB, their windows 490
    assert peaks[16, 12] < 1.2 * peaks[16, 6] + 5, peaks


def test_a_long_recording_that_breaks_off_is_an_error_and_its_neighbours_are_not():
    def read(file, rate):
        yield from noise(120 if file == "broken" else 5)
        if file == "broken":
            raise InputError("broken: cut short.")
        if file == "far":
            raise OSError(5, "Input/output error")

    rows = list(score_files(Loudness(), ["a", "broken", "far", "b"], read))
    assert [row["error"] is None for row in rows] == [True, False, False, True]
    assert rows[1] == {"file": "broken", "emotion": None, "loud": None, "soft": None, "error": "broken: cut short."}
    assert rows[2]["error"].startswith("far: cannot be read (Input/output error)")
    assert rows[3]["loud"] == pytest.approx(rows[0]["loud"])


def test_a_reader_without_a_sound_is_an_error_and_a_defect_is_raised():
    (row,) = score_files(Loudness(), ["nothing"], lambda file, rate: iter(()))
    assert row["error"].startswith("nothing: holds no samples")
    with pytest.raises(ZeroDivisionError):
        list(score_files(Loudness(), ["a", "b"], lambda file, rate: 1 / 0))


def test_silence_has_no_answer_and_costs_none():
    model = Loudness()
    rows = list(score_files(model, [60, 600], lambda file, rate: (np.zeros(RATE, "float32") for _ in range(file))))
    assert [row["emotion"] for row in rows] == ["silence", "silence"]
    assert rows[0]["loud"] is None
    assert not model.batches


def test_who_stops_in_the_middle_leaves_no_thread_behind():
    before = threading.active_count()
    rows = score_files(Loudness(), range(100), lambda file, rate: noise(200))
    next(rows)
    began = time.perf_counter()
    rows.close()
    assert time.perf_counter() - began < 5
    assert threading.active_count() == before


def test_real_files_score_as_the_model_scores_their_windows(model, index):
    files = index.file.tolist()[:6]
    rows = list(score_files(model, files))
    for file, row in zip(files, rows):
        cut = spoken_windows(load_audio(file), model.samples, model.sample_rate)
        np.testing.assert_allclose([row[x] for x in model.labels], model.score(cut).mean(axis=0), atol=1e-5)
    table = predict(model, files)
    pd.testing.assert_frame_equal(table, pd.DataFrame(rows).astype(table.dtypes), check_exact=False)


HOURS = """
import pathlib, sys
sys.path.insert(0, sys.argv[1])
from test_score import Loudness
from emohrnet_tf.inference.score import score_files

def peak():
    return int(pathlib.Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1e3

model, (first, *others) = Loudness(), sys.argv[2:]
next(score_files(model, [first]))
start = peak()
assert [row["error"] for row in score_files(model, others)] == [None] * len(others)
print(peak() - start)
"""


@pytest.mark.slow
def test_ten_recordings_of_an_hour_stay_near_the_memory_of_one_clip(tmp_path):
    if not Path("/proc/self/status").exists():
        pytest.skip("the peak of a process is told by Linux")
    minute = np.random.default_rng(0).uniform(-0.5, 0.5, 60 * RATE)
    soundfile.write(tmp_path / "clip.wav", minute[: 3 * RATE], RATE)
    with soundfile.SoundFile(tmp_path / "0.flac", "w", RATE, 1, format="FLAC") as file:
        for _ in range(60):
            file.write(minute)
    for number in range(1, 10):
        os.link(tmp_path / "0.flac", tmp_path / f"{number}.flac")
    files = [tmp_path / "clip.wav", *sorted(tmp_path.glob("*.flac"))]
    command = [sys.executable, "-c", HOURS, str(Path(__file__).parent), *map(str, files)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert float(result.stdout) < 600, "MB above the start"
