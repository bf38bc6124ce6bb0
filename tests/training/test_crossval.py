import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import confusion_matrix, recall_score

from emohrnet_tf.errors import InputError
from emohrnet_tf.evaluation.report import summary_table
from emohrnet_tf.training.crossval import crossval
from emohrnet_tf.training.run import train


@pytest.fixture(scope="module")
def short(config):
    return config.replace({"training": {"epochs": 1}})


@pytest.fixture(scope="module")
def folder(index, short, tmp_path_factory):
    """The folder of all five folds with one seed."""
    out, said = tmp_path_factory.mktemp("crossval") / "speaker", []
    crossval(index, short, out, "speaker", seeds=(0,), verbose=0, say=said.append)
    (out.parent / "said.txt").write_text("\n".join(said))
    return out


def report_of(folder):
    return json.loads((folder / "report.json").read_text())


def test_every_clip_is_tested_once_and_the_means_are_of_the_folds(folder, index):
    summary = report_of(folder)
    folds = [json.loads((folder / f"fold{fold}_seed0.json").read_text()) for fold in range(5)]
    assert summary["complete"] is True
    for name in ("uar", "war"):
        values = [fold["results"]["validation"][name] for fold in folds]
        assert summary["scores"]["validation"][name]["mean"] == pytest.approx(np.mean(values), abs=1e-5)
        assert summary["scores"]["validation"][name]["spread"] == pytest.approx(np.std(values, ddof=1), abs=1e-5)
    assert summary["lower"] == min(summary["scores"]["validation"][name]["mean"] for name in ("uar", "war"))
    tables = [pd.read_csv(folder / f"fold{fold}_seed0" / "predictions.csv") for fold in range(5)]
    table = pd.concat(tables)
    assert sorted(table.file) == sorted(index.file)
    (pooled,) = summary["pooled"]
    predicted = table[pooled["labels"]].idxmax(axis=1)
    assert pooled["confusion"] == confusion_matrix(table.emotion, predicted, labels=pooled["labels"]).tolist()
    assert pooled["uar"] == pytest.approx(recall_score(table.emotion, predicted, average="macro"), abs=1e-5)
    assert len(pooled["per_speaker"]) == 6
    assert (folder / "confusion.png").read_bytes().startswith(b"\x89PNG")


def test_a_folder_with_anothers_report_is_left_alone(run, index, short, tmp_path):
    before = (run / "report.json").read_bytes()
    (tmp_path / "report.json").write_text("no JSON")
    for out in (run, tmp_path):
        with pytest.raises(InputError, match="report.json is no report of crossval"):
            crossval(index, short, out, "speaker", verbose=0)
    assert (run / "report.json").read_bytes() == before
    assert (tmp_path / "report.json").read_text() == "no JSON"


def test_a_picture_that_fails_costs_the_folds_nothing(folder, index, short, monkeypatch, caplog):
    def fail(*arguments, **settings):
        raise RuntimeError("no font has these letters")

    before = report_of(folder)
    monkeypatch.setattr("emohrnet_tf.plots.confusion_matrix", fail)
    again = crossval(index, short, folder, "speaker", seeds=(0,), verbose=0, say=lambda line: None)
    for name, score in before["scores"]["last"].items():
        assert again["scores"]["last"][name] == pytest.approx(score, rel=1e-4)
    assert f"{folder / 'confusion.png'} was not drawn (no font" in caplog.text


def test_each_run_says_how_many_there_are_and_how_long_the_others_take(folder):
    first, *_, last = (folder.parent / "said.txt").read_text().splitlines()
    assert re.fullmatch(r"Fold 0, seed 0: UAR .* %, WAR .* % \(1 of 5 runs, about \d+ min left\)", first)
    assert last.endswith("(5 of 5 runs)")


def test_a_fold_of_it_is_the_fold_that_train_gives(folder, index, short, tmp_path):
    train(index, short, tmp_path / "run", protocol="speaker", fold=3, seed=0, verbose=0)
    alone, among = (json.loads(p.read_text()) for p in (tmp_path / "run/report.json", folder / "fold3_seed0.json"))
    assert alone["results"] == among["results"]


def test_without_validation_clips_the_last_epoch_is_the_result(index, short, tmp_path):
    settings = short.replace({"training": {"epochs": 1, "choose": "last", "train_on_validation": True}})
    summary = crossval(index, settings, tmp_path, "speaker", only=[0], verbose=0, say=lambda line: None)
    assert set(summary["scores"]) == {"last", "best_on_test"}
    assert summary["calibration"] == {}
    assert "last epoch (the result)" in summary_table(summary)


def test_it_goes_on_where_it_stopped_and_more_seeds_may_follow(folder, index, short, monkeypatch):
    before = {path: path.stat().st_mtime_ns for path in folder.glob("fold*_seed0/report.json")}
    lines = []
    summary = crossval(index, short, folder, "speaker", seeds=(0, 7), only=[0, 1], verbose=0, say=lines.append)
    assert {path: path.stat().st_mtime_ns for path in before} == before, "finished runs are not trained again"
    assert len(lines) == 4
    assert (summary["seeds"], summary["complete"]) == ([0, 7], False)
    assert [pooled["seed"] for pooled in summary["pooled"]] == [0, 7]


def test_another_number_of_folds_is_another_result(index, short, tmp_path):
    lines = []
    summary = crossval(index, short, tmp_path, "random", only=[0], verbose=0, say=lines.append, folds=4)
    assert (summary["folds"], summary["complete"]) == (4, False)
    run = json.loads((tmp_path / "fold0_seed0.json").read_text())
    assert run["folds"] == 4
    assert run["clips"]["test"] == len(index) // 4
    for other in ({}, {"folds": 3}):
        with pytest.raises(InputError, match="fold0_seed0.json is of another folds, index"):
            crossval(index, short, tmp_path, "random", only=[0], verbose=0, say=lines.append, **other)


def test_impossible_folds_and_seeds_are_refused_before_anything_is_trained(index, short, tmp_path):
    for arguments, message in (
        ({"only": [5]}, "speaker has 5 here, numbered 0 to 4"),
        ({"seeds": ()}, "at least one, each once"),
        ({"seeds": (1, 1)}, "at least one, each once"),
    ):
        with pytest.raises(InputError, match=message):
            crossval(index, short, tmp_path / "out", "speaker", verbose=0, **arguments)
    assert not (tmp_path / "out").exists()


def test_the_reports_alone_are_enough_to_go_on(folder, index, short, tmp_path, monkeypatch):
    for file in [*folder.glob("fold*_seed0.json"), *folder.glob("fold*_seed0.csv")]:
        shutil.copy(file, tmp_path)
    monkeypatch.setattr(
        "emohrnet_tf.training.crossval.train", lambda *args, **kwargs: pytest.fail("a finished fold trains")
    )
    bfloat16 = short.replace({"training": {"mixed_precision": True}})  # arithmetic, and no other recipe
    summary = crossval(index, bfloat16, tmp_path, "speaker", verbose=0, say=lambda line: None)
    folds = [json.loads((folder / f"fold{fold}_seed0.json").read_text())["results"]["validation"] for fold in range(5)]
    assert summary["pooled"][0]["confusion"] == np.sum([fold["confusion"] for fold in folds], axis=0).tolist()
    assert summary["complete"] is True
    with pytest.raises(InputError, match="is of another config"):
        crossval(index, short.replace({"training": {"epochs": 3}}), tmp_path, "speaker", verbose=0)


def test_a_protocol_that_measures_nothing_is_refused(index, short, tmp_path):
    with pytest.raises(InputError, match="measures nothing"):
        crossval(index, short.replace({"training": {"choose": "last"}}), tmp_path, "all", verbose=0)
