"""`crossval` by Ray: `make lane-ray`."""

import json
import os

import pandas as pd
import pytest

from emohrnet_tf import Config, InputError, read_index
from emohrnet_tf.cluster import ENVIRONMENT

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]  # Ray's own are not ours
ray = pytest.importorskip("ray", reason="Ray is not installed: `make lane-ray` runs these tests")


@pytest.fixture(scope="module")
def workers():
    os.environ.update(ENVIRONMENT)
    ray.init(address="local", num_cpus=2, include_dashboard=False, logging_level="ERROR", log_to_driver=False)
    yield
    ray.shutdown()


def test_folds_are_trained_in_processes_of_their_own_and_are_the_same(workers, emohrnet, index, tmp_path):
    from emohrnet_tf.training.crossval import crossval

    tiny = ["--architecture", "tiny", "--set", "audio.frames=32", "--set", "audio.mels=32", "--epochs", "1"]
    tiny += ["--set", "audio.mel_max_hz=4000", "--batch-size", "8", "--protocol", "random", "--folds", "2"]
    index.to_csv(tmp_path / "index.csv", index=False)
    command = ["crossval", tmp_path / "index.csv", *tiny]
    code, said, error = emohrnet(*command, "--out", tmp_path / "ray", "--engine", "ray", "--workers", 2)
    assert code == 0, error
    assert "is trained (2 of 2 runs, about 0 min left)" in said
    code, _, error = emohrnet(*command, "--out", tmp_path / "one", "--only", 0)
    assert code == 0, error
    folders = [tmp_path / name / "fold0_seed0" for name in ("ray", "one")]
    assert sorted(x.name for x in folders[0].iterdir()) == sorted(x.name for x in folders[1].iterdir())
    pd.testing.assert_frame_equal(*(pd.read_csv(folder.with_suffix(".csv")) for folder in folders))
    one, other = (json.loads(folder.with_suffix(".json").read_text())["results"] for folder in folders)
    assert one["validation"]["uar"] == pytest.approx(other["validation"]["uar"], abs=1e-6)
    report = json.loads((tmp_path / "ray" / "report.json").read_text())
    assert (report["complete"], len(report["runs"])) == (True, 2)
    runs, config = [], Config.from_dict(report["config"])
    how = {"verbose": 0, "say": lambda line: None, "folds": 2, "scheme": "published"}
    how |= {"ahead": lambda out, protocol, left: runs.extend(left)}
    crossval(read_index(tmp_path / "index.csv"), config, tmp_path / "ray", "random", (0, 1), [0], **how)
    assert runs == [(0, 1)]


def test_what_is_wrong_with_a_run_is_said_as_in_one_process(workers, index, config, tmp_path):
    from emohrnet_tf.training.folds import by_ray

    ahead = by_ray(index[index.emotion == "anger"], config, say=lambda line: None)
    with pytest.raises(InputError, match="Clips of two emotions or more are needed"):
        ahead(tmp_path, "random", [(0, 0)])
    with pytest.raises(InputError, match="99 workers need 99 CPUs"):
        by_ray(index, config, workers=99)(tmp_path, "random", [(0, 0)])
