"""Valence, arousal and dominance through the same commands as emotions."""

import json

import numpy as np
import pandas as pd
import pytest
import soundfile

from emohrnet_tf import InputError, load_audio, load_model, plots
from emohrnet_tf.audio.windows import windows
from emohrnet_tf.corpora import read_index, write_index
from emohrnet_tf.evaluation.on_index import evaluate, measure
from emohrnet_tf.inference.predict import predict, predict_into
from emohrnet_tf.model.sphere import DIMENSIONS, OCTANTS, Sphere
from emohrnet_tf.training.crossval import crossval
from emohrnet_tf.training.run import train

POINTS = {"neutral": (3.0, 2.6, 3.2), "anger": (2.0, 4.2, 4.0), "sadness": (1.8, 2.0, 2.2)}


@pytest.fixture(scope="module")
def rated(index):
    """The corpus with labels of 1 to 5 around a point for each emotion; some rows lack the one or the other."""
    random = np.random.default_rng(0)
    values = np.array([POINTS[emotion] for emotion in index.emotion]) + 0.3 * random.standard_normal((len(index), 3))
    rated = index.assign(vad_scale="1..5", **dict(zip(DIMENSIONS, values.clip(1, 5).round(3).T)))
    rated.loc[[5, 40], [*DIMENSIONS, "vad_scale"]] = None
    rated.loc[[6, 41], "emotion"] = None
    return rated


@pytest.fixture(scope="module")
def joint(config):
    return config.replace(
        {"head": {"kind": "joint", "width": 16, "bands": 2, "dropout": 0.0}, "training": {"epochs": 8}}
    )


@pytest.fixture(scope="module")
def folder(rated, joint, tmp_path_factory):
    out = tmp_path_factory.mktemp("vad") / "run"
    train(rated, joint, out, protocol="speaker", fold=0, seed=1, verbose=0)
    return out


@pytest.fixture(scope="module")
def model(folder):
    """Loaded and traced once."""
    return load_model(folder)


def report_of(folder):
    return json.loads((folder / "report.json").read_text())


def plain_ccc(x, y):
    return 2 * np.mean((x - x.mean()) * (y - y.mean())) / (x.var() + y.var() + (x.mean() - y.mean()) ** 2)


def test_a_joint_run_leaves_both_reports_and_learns_both(folder):
    names = {path.name for path in folder.iterdir()}
    assert {"model.keras", "confusion.png", "dimensions.png", "curves.png", "predictions.csv"} <= names
    report = report_of(folder)
    result = report["results"]["validation"]
    assert report["sphere"] == {"low": 1, "high": 5, "center": [0, 0, 0], "step": None, "neutral": 0}
    assert result["uar"] > 0.6
    assert result["ccc"] > 0.4
    log = pd.read_csv(folder / "log.csv")
    assert log.regions_loss.iloc[-1] == 0
    assert log.regions_loss.iloc[0] > 0
    assert report["epochs"]["validation"] == log.val_accuracy.idxmax() + 1


def test_its_report_is_what_the_saved_model_says(folder, model):
    report = report_of(folder)
    split = pd.read_csv(folder / "split.csv")
    test = split[(split.split == "test") & split.valence.notna()]
    cube = [
        model.answer_windows(windows(load_audio(f), model.audio.samples))["dimensions"].mean(axis=0) for f in test.file
    ]
    own = model.sphere.from_cube(cube)
    for number, row in enumerate(report["results"]["validation"]["vad"]["dimensions"]):
        true, predicted = test[row["dimension"]].to_numpy(), own[:, number]
        assert row["ccc"] == pytest.approx(plain_ccc(true, predicted), abs=1e-4)
        assert row["pearson"] == pytest.approx(np.corrcoef(true, predicted)[0, 1], abs=1e-4)
        assert row["rmse"] == pytest.approx(np.sqrt(np.mean((true - predicted) ** 2)), abs=1e-4)
        low, high = row["interval"]["by_clip"]
        assert low < row["ccc"] < high
    saved = pd.read_csv(folder / "predictions.csv")
    rows = saved[saved.true_valence.notna()]
    np.testing.assert_allclose(rows[list(DIMENSIONS)], own, atol=1e-4)


def test_predictions_stand_on_the_labels_scale_and_say_where_on_the_sphere(model, rated, tmp_path):
    (tmp_path / "bad.wav").write_text("no audio")
    table = predict(model, [rated.file[0], tmp_path / "bad.wav"])
    good, bad = table.iloc[0], table.iloc[1]
    assert "not audio" in bad.error or "cannot" in bad.error
    assert bad[["emotion", "valence", "radius", "region"]].isna().all()
    cube = Sphere(1, 5).to_cube(good[list(DIMENSIONS)].to_numpy(float)[None])
    radius, theta, phi = Sphere(1, 5).spherical(cube)
    np.testing.assert_allclose(
        good[["radius", "theta", "phi"]].to_numpy(float), np.ravel([radius, theta, phi]), atol=1e-5
    )
    assert good.region == OCTANTS[Sphere(1, 5).region(cube)[0]]
    out = tmp_path / "out.csv"
    assert predict_into(out, model, [rated.file[0], tmp_path / "bad.wav"]) == (2, 1)
    assert list(pd.read_csv(out).columns) == list(table.columns)


def test_evaluate_gives_both_and_draws_both(folder, rated, tmp_path):
    measured = measure(folder, rated)
    report = measured.report
    plots.evaluated(measured, tmp_path / "picture.png", None, None, tmp_path / "dimensions.png")
    result = report_of(folder)["results"]["validation"]
    assert report["vad"]["ccc"] == pytest.approx(result["ccc"], abs=1e-4)
    assert report["uar"] == pytest.approx(result["uar"], abs=1e-4)
    assert (tmp_path / "picture.png").exists()
    assert (tmp_path / "dimensions.png").exists()
    with pytest.raises(InputError, match=r"No clip of the index has valence|needs the columns"):
        evaluate(folder, rated[rated.emotion.notna()].drop(columns=list(DIMENSIONS)))


@pytest.mark.slow
def test_dimensions_alone_need_no_emotions_and_crossval_goes_on(rated, joint, tmp_path):
    config = joint.replace({"head": {"kind": "vad", "center": "midpoint"}, "training": {"epochs": 2}})
    bare = rated[rated.valence.notna()].assign(emotion=None)
    write_index(bare, tmp_path / "index.csv")
    bare, lines = read_index(tmp_path / "index.csv"), []
    arguments = dict(protocol="speaker", only=[0, 1], verbose=0, say=lines.append)
    summary = crossval(bare, config, tmp_path / "out", **arguments)
    assert "CCC" in lines[0]
    assert "UAR" not in lines[0]
    values = [run["validation"]["ccc"] for run in summary["runs"]]
    assert summary["scores"]["validation"]["ccc"]["mean"] == pytest.approx(np.mean(values), abs=1e-5)
    assert summary["pooled"][0]["vad"]["clips"] == sum(
        len(pd.read_csv(tmp_path / "out" / f"fold{fold}_seed0.csv")) for fold in (0, 1)
    )
    again = crossval(bare, config, tmp_path / "out", **arguments)
    assert again["runs"] == json.loads(json.dumps(again["runs"]))
    model = load_model(train(bare, config, tmp_path / "run", "speaker", verbose=0) and tmp_path / "run")
    assert model.labels == []
    table = predict(model, bare.file[0])
    assert "emotion" not in table
    assert table.valence.between(1, 5).all()
    with pytest.raises(InputError, match="names no emotions"):
        model.score(np.zeros((1, model.audio.samples), "float32"))


@pytest.mark.slow
def test_an_interrupted_joint_run_ends_as_one_that_was_not(rated, joint, tmp_path, monkeypatch):
    from emohrnet_tf.training.callbacks import RunState

    short = joint.replace({"training": {"epochs": 3}, "head": {"weighting": "uncertainty"}})
    whole = train(rated, short, tmp_path / "whole", "speaker", seed=3, verbose=0)
    original = RunState.on_epoch_end

    def stop(self, epoch, logs=None):
        original(self, epoch, logs)
        if epoch == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(RunState, "on_epoch_end", stop)
    with pytest.raises(KeyboardInterrupt):
        train(rated, short, tmp_path / "cut", "speaker", seed=3, verbose=0)
    monkeypatch.undo()
    cut = train(rated, short, tmp_path / "cut", "speaker", seed=3, verbose=0)
    assert cut["results"]["last"]["vad"] == whole["results"]["last"]["vad"]
    assert cut["results"]["last"]["uar"] == whole["results"]["last"]["uar"]


def test_bad_labels_end_in_one_message_and_status_2(emohrnet, rated, tmp_path):
    write_index(rated.drop(columns="vad_scale"), tmp_path / "index.csv")
    options = ("--out", tmp_path / "run", "--head", "joint", "--epochs", "1")
    code, out, err = emohrnet("train", tmp_path / "index.csv", *options)
    assert code == 2
    assert "without their scale" in " ".join(err.split())
    assert "Traceback" not in out + err


def test_emotions_alone_refuse_clips_without_one(rated, config, tmp_path):
    with pytest.raises(InputError, match="2 clips have no emotion"):
        train(rated, config, tmp_path / "run", verbose=0)


@pytest.mark.slow
def test_an_export_gives_two_files_and_holds_its_gates(folder, model, tmp_path):
    pytest.importorskip("litert_quantizer")
    from emohrnet_tf.exporter.exporter import export
    from emohrnet_tf.inference.exported import TFLiteModel

    report = export(folder, tmp_path / "out", name="voice", say=lambda line: None)
    assert set(report["tflite"]) == {
        f"{t}_{k}" for t in ("emotion", "vad") for k in ("float32", "float16", "dynamic_int8", "int8")
    }
    formats = report["verification"]["formats"]
    assert formats["tflite/vad_float32"]["largest_difference"] < 1e-3
    assert formats["tflite/vad_float16"]["largest_difference"] < 1e-2
    assert formats["tflite/vad_float32"]["ccc"] == pytest.approx(formats["keras vad"]["ccc"], abs=1e-3)
    assert formats["saved_model/padded vad"]["largest_difference"] < 1e-3
    cut = np.random.default_rng(0).normal(0, 0.05, (2, model.audio.samples)).astype("float32")
    file = TFLiteModel(tmp_path / "out/tflite/voice_vad_float32.tflite")
    np.testing.assert_allclose(
        file.answer_windows(cut)["dimensions"], model.answer_windows(cut)["dimensions"], atol=1e-4
    )
    own = file.interpreter.get_signature_runner("serving_default")(waveform=cut[:1])
    assert {name: value.shape for name, value in own.items()} == {name: (1, 1) for name in DIMENSIONS}
    expected = model.sphere.from_cube(model.answer_windows(cut[:1])["dimensions"])[0]
    np.testing.assert_allclose([own[name][0, 0] for name in DIMENSIONS], expected, atol=1e-3)


@pytest.mark.slow
def test_a_served_row_tells_its_dimensions_on_their_scale(model, tmp_path):
    import tensorflow as tf

    from emohrnet_tf.exporter.saved_model import write_saved_model

    write_saved_model(model, tmp_path / "saved", warmup=False)
    serve = tf.saved_model.load(str(tmp_path / "saved")).signatures["serving_default"]
    waveform = np.random.default_rng(0).normal(0, 0.05, (2, 20000)).astype("float32")
    waveform[1, 7] = np.nan
    outputs = serve(waveform=tf.constant(waveform))
    expected = model.sphere.from_cube(model(waveform[:1])["dimensions"].numpy())[0]
    np.testing.assert_allclose([outputs[name].numpy()[0] for name in DIMENSIONS], expected, atol=1e-4)
    assert [outputs[name].numpy()[1] for name in DIMENSIONS] == [0, 0, 0]
    assert b"NaN" in outputs["error"].numpy()[1]


def test_a_long_recording_has_its_dimensions_over_time(model, tmp_path):
    from emohrnet_tf.inference.timeline import timeline

    soundfile.write(tmp_path / "long.wav", np.random.default_rng(0).normal(0, 0.05, 32000), 16000)
    table, _ = timeline(model, tmp_path / "long.wav", hop=0.5)
    assert len(table) == 4
    assert table[list(DIMENSIONS)].apply(lambda x: x.between(1, 5)).all(axis=None)
