"""The benchmark of leaks makes the mistakes that it says, and no others."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

import leaks_network

from emohrnet_tf import InputError
from emohrnet_tf.corpora import write_index
from emohrnet_tf.data.pipeline import Clips
from emohrnet_tf.data.splits import split


@pytest.fixture(scope="module")
def clips(index):
    return Clips(index, 16000)


def test_copies_are_the_clips_and_each_time_the_same_noisy_ones(clips):
    copied, count = leaks_network.Copied(clips, copies=2), len(clips.index)
    assert len(copied.index) == len(copied.lengths) == 3 * count
    assert copied.index.group.tolist() == clips.index.group.tolist() * 3
    for number in (0, count - 1):
        original, first, second = (copied.waveform(number + times * count) for times in range(3))
        np.testing.assert_array_equal(original, clips.waveform(number))
        np.testing.assert_array_equal(first, copied.waveform(number + count))
        assert not np.array_equal(first, second)
        for copy in (first, second):
            assert abs(20 * np.log10(copy.std() / original.std())) < 6.1
            assert np.corrcoef(copy, original)[0, 1] > 0.99


def test_windows_are_sections_of_their_clips(clips, monkeypatch):
    monkeypatch.setattr(leaks_network, "WINDOW_FRAMES", 16)  # 0.256 s of 0.5 to 0.9 s
    kept = leaks_network.windowed(clips)
    assert len(kept.index) > 2 * len(clips.index)
    assert set(kept.lengths) == {16 * 256}
    assert kept.index.file.nunique() == len(clips.index)
    second = kept.index.index[kept.index.file == clips.index.file[0]][1]
    np.testing.assert_allclose(kept.waveform(second), clips.waveform(0)[8 * 256 : 24 * 256], atol=1e-6)


def test_only_the_leaking_row_has_pieces_of_a_clip_on_both_sides(clips, monkeypatch):
    monkeypatch.setattr(leaks_network, "WINDOW_FRAMES", 16)
    seen = {}
    for row, leaking, make, _, protocol, index_of in leaks_network.rows_of(clips):
        kept = make()
        parts = split(index_of(kept), protocol, 0)
        groups = kept.index.group.groupby(parts.to_numpy()).agg(set)
        seen[row, leaking] = len(groups["train"] & groups["test"])
        assert set(parts) == {"train", "validation", "test"}
    assert {row for row, shared in seen.items() if shared} == {("windows", True), ("copies", True)}
    assert ("duplicates", True) not in seen, "there are none here"


def test_a_fold_gives_the_epoch_of_validation_and_the_best_on_test(clips, trainer, tmp_path):
    kept = leaks_network.Copied(clips, copies=1)
    scores = leaks_network.train_fold(trainer, kept, split(kept.index, "random", 0), 12, tmp_path / "fold")
    assert scores["best_on_test"]["war"] >= scores["war"]
    assert scores["epochs"] == 1
    assert not (tmp_path / "fold").exists()
    runs = {("speakers", False, "speaker"): [scores], ("speakers", True, "random"): [scores, scores]}
    rows = leaks_network.measured(runs, "ravdess", same=0)
    assert [(row["leak"], row["leaking"]) for row in rows] == [
        *(("speakers", False), ("speakers", True)),
        *(("epoch, speaker", False), ("epoch, speaker", True), ("epoch, random", False), ("epoch, random", True)),
    ]


@pytest.mark.slow
def test_the_command_leaves_a_row_for_each_leak_and_repeats_no_fold(index, config, tmp_path, monkeypatch, capsys):
    write_index(index, tmp_path / "index.csv")
    monkeypatch.setattr(leaks_network, "RECIPE", config)
    monkeypatch.setattr(leaks_network.tf.config.threading, "set_intra_op_parallelism_threads", lambda count: None)
    arguments = ["--work", tmp_path / "work", "--json", tmp_path / "rows.json", "--epochs", 1, "--only", 0]
    arguments = ["leaks_network.py", tmp_path / "index.csv", *arguments, "--rows", "speakers"]
    monkeypatch.setattr(sys, "argv", list(map(str, arguments)))
    leaks_network.main()
    first, said = json.loads((tmp_path / "rows.json").read_text()), capsys.readouterr().out
    kinds = {(row["leak"], row["leaking"]): len(row["runs"]) for row in first["rows"]}
    assert kinds == {
        (leak, there): 1 for leak in ("speakers", "epoch, speaker", "epoch, random") for there in (False, True)
    }
    monkeypatch.setattr(leaks_network, "train_fold", None)  # nothing is left to train
    leaks_network.main()
    assert json.loads((tmp_path / "rows.json").read_text())["rows"] == first["rows"]
    assert capsys.readouterr().out == said
    monkeypatch.setattr(sys, "argv", [*sys.argv, "--epochs", "3"])
    with pytest.raises(InputError, match="is of other epochs"):
        leaks_network.main()
