import json
import shutil

import pandas as pd
import pytest

from emohrnet_tf import InputError, load_model, read_index
from emohrnet_tf.corpora import write_index
from emohrnet_tf.data.leakage import heard
from emohrnet_tf.evaluation.on_index import unseen
from emohrnet_tf.training.run import train


@pytest.fixture(scope="module")
def short(config):
    return config.replace({"training": {"epochs": 1}})


def test_a_moved_model_still_knows_what_it_heard_wherever_the_clips_lie(run, corpus, index, tmp_path):
    shutil.copy(run / "model.keras", tmp_path / "moved.keras")
    shutil.copytree(corpus, tmp_path / "copied")
    copied = index.assign(
        file=[file.replace(str(corpus), str(tmp_path / "copied")) for file in index.file], corpus="table"
    )
    split = read_index(run / "split.csv").split
    for name in (run, tmp_path / "moved.keras"):
        assert heard(str(name), copied).tolist() == (split != "test").tolist()
    model = load_model(run)
    model.heard = None
    model.save(tmp_path / "bare.keras")
    assert unseen(str(tmp_path / "bare.keras"), copied)[1] is None


def test_what_an_ancestor_heard_is_refused(run, index, short, corpus, tmp_path, trainer):
    shutil.copy(run / "model.keras", tmp_path / "moved.keras")
    start = short.replace({"training": {"initial": str(tmp_path / "moved.keras")}})
    train(index, start, tmp_path / "child", protocol="speaker", seed=1, verbose=0)
    shutil.copy(tmp_path / "child" / "model.keras", tmp_path / "child.keras")
    again = short.replace({"training": {"initial": str(tmp_path / "child.keras")}})
    with pytest.raises(InputError, match="has heard clips of the test part"):
        train(index.assign(corpus="table"), again, tmp_path / "grandchild", protocol="speaker", fold=1, verbose=0)


def test_another_split_or_other_speakers_are_another_run(index, short, tmp_path, trainer):
    parts = {"01": "test", "02": "validation"}
    given = index.assign(split=[parts.get(speaker, "train") for speaker in index.speaker])
    report = train(given, short, tmp_path / "run", protocol="given", trainer=trainer, verbose=0)
    assert train(given, short, tmp_path / "run", protocol="given", trainer=trainer, verbose=0) == json.loads(
        (tmp_path / "run" / "report.json").read_text()
    )
    assert report["index"].startswith("2:")
    moved = given.assign(split=given.split.replace({"test": "validation", "validation": "test"}))
    swapped = given.assign(speaker=given.speaker.replace({"03": "04", "04": "03"}))
    cut = given.assign(start=0.1)
    for other in (moved, swapped, cut):
        with pytest.raises(InputError, match="holds a run with another index"):
            train(other, short, tmp_path / "run", protocol="given", trainer=trainer, verbose=0)


def test_classes_that_look_like_numbers_or_nothing_train(index, short, tmp_path):
    names = dict(zip(sorted(index.emotion.unique()), ("None", "01", "True")))
    write_index(index.assign(emotion=index.emotion.map(names)), tmp_path / "index.csv")
    from emohrnet_tf.training.crossval import crossval

    summary = crossval(
        read_index(tmp_path / "index.csv"), short, tmp_path / "out", only=[0], verbose=0, say=lambda line: None
    )
    assert sum(map(sum, summary["pooled"][0]["confusion"])) == summary["pooled"][0]["clips"] > 0
    assert summary["pooled"][0]["uar"] == pytest.approx(summary["runs"][0]["validation"]["uar"], abs=1e-5)
    assert set(pd.read_csv(tmp_path / "out" / "fold0_seed0.csv", dtype=str, keep_default_na=False).emotion) == set(
        names.values()
    )
