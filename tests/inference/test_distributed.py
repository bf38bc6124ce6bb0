"""`predict` by Ray, on a cluster of two nodes on this machine that all tests share: `make lane-ray`."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from conftest import write_voice

from emohrnet_tf import InputError
from emohrnet_tf.cluster import ENVIRONMENT
from emohrnet_tf.inference.distributed import predict
from emohrnet_tf.inference.predict import predict as predict_here
from emohrnet_tf.inference.ready import ready

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]  # Ray's own are not ours
ray = pytest.importorskip("ray", reason="Ray is not installed: `make lane-ray` runs these tests")
pytest.importorskip("pyarrow")
if not Path("/proc/self/fd").exists():
    pytest.skip("which process reads a file is told by Linux", allow_module_level=True)


@pytest.fixture(scope="module")
def cluster():
    from ray.cluster_utils import Cluster

    os.environ.update(ENVIRONMENT)
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    made.add_node(num_cpus=1)
    ray.init(address=made.address, logging_level="ERROR", log_to_driver=False)
    yield made
    ray.shutdown()
    made.shutdown()


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """40 clips of a few formats and 3 broken files, in two folders."""
    folder = tmp_path_factory.mktemp("clips")
    for number in range(40):
        write_voice(folder / f"{number % 2}" / f"{number:02}.wav", 100.0 + 5 * number, 0.5 + 0.1 * number, number)
    (folder / "0" / "empty.wav").touch()
    (folder / "1" / "text.flac").write_text("no audio")
    whole = (folder / "0" / "00.wav").read_bytes()
    (folder / "1" / "header.wav").write_bytes(whole[:40])
    return folder


@pytest.fixture(scope="module")
def expected(clips):
    """What one process says of them."""
    return predict_here("voices", clips).set_index("file")


def table(out, **how):
    return pd.read_parquet(out if how else Path(out) / "rows", **how)


def assert_same(rows, expected):
    """Every file once, with the same answer."""
    assert sorted(rows.file) == sorted(expected.index)
    rows = rows.set_index("file").loc[expected.index]
    assert rows.columns.tolist() == expected.columns.tolist()
    assert (rows.emotion.fillna("") == expected.emotion.fillna("")).all()
    assert (rows.error.fillna("") == expected.error.fillna("")).all()
    numbers = expected.columns.drop(["emotion", "error"])
    np.testing.assert_allclose(rows[numbers].to_numpy(float), expected[numbers].to_numpy(float), atol=1e-6)


class Killer(threading.Thread):
    """Kills with -9 what reads a file, so many times."""

    def __init__(self, file, times):
        super().__init__(daemon=True)
        self.file, self.times, self.killed = str(file), times, 0
        self.start()

    def run(self):
        while self.killed < self.times:
            for opened in Path("/proc").glob("[0-9]*/fd/*"):
                try:
                    if os.readlink(opened) == self.file:
                        os.kill(int(opened.parts[2]), signal.SIGKILL)
                        self.killed += 1
                        break
                except OSError:
                    continue
            time.sleep(0.05)


@pytest.fixture(scope="module")
def long(tmp_path_factory):
    """A recording that is read for seconds."""
    file = tmp_path_factory.mktemp("long") / "long.wav"
    soundfile.write(file, np.random.default_rng(0).uniform(-0.1, 0.1, 600 * 16000), 16000)
    return file


def test_rows_are_those_of_one_machine_and_broken_files_are_named(cluster, clips, expected, tmp_path):
    told = []
    assert predict(clips, tmp_path, progress=lambda *pair: told.append(pair)) == (43, 3)
    rows = table(tmp_path)
    assert_same(rows, expected)
    assert (told[0], told[-1], sorted(told)) == ((0, 43), (43, 43), told)
    assert all(Path(row.file).name in row.error for row in rows[rows.error.notna()].itertuples())
    made_by = json.loads((tmp_path / "results.json").read_text())
    assert made_by["weights"] == ready("voices").fingerprint
    assert predict(clips, tmp_path, progress=lambda *pair: pytest.fail("all is there")) == (43, 3)
    assert len(table(tmp_path)) == 43


def test_no_worker_imports_tensorflow(cluster):
    code = "import sys, emohrnet_tf.inference.distributed; print({'tensorflow', 'keras'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"


def test_a_reference_goes_along(cluster, clips, tmp_path):
    usual = [clips / "0" / "38.wav"]
    assert predict(clips / "0", tmp_path, reference=usual, min_confidence=0.9) == (21, 1)
    assert_same(
        table(tmp_path), predict_here("voices", clips / "0", reference=usual, min_confidence=0.9).set_index("file")
    )
    with pytest.raises(InputError, match="made by another model or with other settings"):
        predict(clips / "0", tmp_path, min_confidence=0.9)


def test_a_worker_killed_in_the_middle_loses_nothing(cluster, clips, expected, long, tmp_path):
    killer = Killer(long, 1)
    assert predict([clips, long], tmp_path, workers=2) == (44, 3)
    assert killer.killed == 1
    rows = table(tmp_path)
    assert rows.error.notna().sum() == 3
    assert_same(rows[rows.file != str(long)], expected)


def test_a_file_that_workers_die_on_is_named_and_the_others_have_their_rows(cluster, clips, expected, long, tmp_path):
    killer = Killer(long, 10**6)
    try:
        assert predict([clips, long], tmp_path, workers=2) == (44, 4)
    finally:
        killer.times = 0
    assert killer.killed >= 3
    rows = table(tmp_path)
    (row,) = rows[rows.file == str(long)].itertuples()
    assert row.error.startswith(f"{long}: the process that scores it dies, each time; leave the file out")
    assert_same(rows[rows.file != str(long)], expected)


def test_workers_that_die_whatever_they_score_are_no_folder_of_errors(cluster, long, tmp_path, monkeypatch):
    monkeypatch.setattr("emohrnet_tf.inference.distributed.TRIES", 1)
    files = [long.with_name(f"{number}.wav") for number in range(3)]
    for file in files:
        file.write_bytes(long.read_bytes())
    killers = [Killer(file, 10**6) for file in files]
    try:
        with pytest.raises(InputError, match=r"Workers die whatever they score, the last one on .*\.wav"):
            predict(files, tmp_path, workers=2)
    finally:
        for killer in killers:
            killer.times = 0


def emohrnet(*arguments):
    return [sys.executable, "-m", "emohrnet_tf.cli", *map(str, arguments)]


def test_the_driver_killed_and_started_again_scores_what_is_missing(cluster, clips, expected, long, tmp_path):
    command = emohrnet("predict", clips, long, "--engine", "ray", "--address", cluster.address, "--out", tmp_path)
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while not list(tmp_path.glob("rows/rows-*.parquet")) and time.monotonic() < until:
        time.sleep(0.01)
    process.kill()
    process.wait()
    before = {file: file.stat().st_mtime_ns for file in tmp_path.glob("rows/rows-*.parquet")}
    assert 0 < len(table(tmp_path)) < 44
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"44 files in {tmp_path}/rows, 3 of them with an error in their row.\n"
    assert {file: file.stat().st_mtime_ns for file in before} == before
    rows = table(tmp_path)
    assert_same(rows[rows.file != str(long)], expected)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results.json", "rows"]


def test_a_node_removed_in_the_middle_loses_nothing(cluster, clips, expected, long, tmp_path):
    node = cluster.add_node(num_cpus=1)

    def remove():
        while not list(tmp_path.glob("rows/rows-*.parquet")):
            time.sleep(0.01)
        cluster.remove_node(node, allow_graceful=False)

    remover = threading.Thread(target=remove)
    remover.start()
    assert predict([clips, long], tmp_path, workers=3) == (44, 3)
    remover.join()
    rows = table(tmp_path)
    assert_same(rows[rows.file != str(long)], expected)


@pytest.fixture(scope="module")
def bucket(clips):
    """Address of a bucket with the clips, on loopback."""
    server = pytest.importorskip("moto.server", reason="S3 on loopback is moto's").ThreadedMotoServer(port=0)
    from pyarrow import fs

    server.start()
    host, port = server.get_host_and_port()
    query = f"?endpoint_override={host}:{port}&scheme=http&region=us-east-1&allow_bucket_creation=true"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "of the test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "of the test")
        filesystem, _ = fs.FileSystem.from_uri(f"s3://voices/{query}")
        filesystem.create_dir("voices")
        for file in clips.glob("*/*"):
            name = f"voices/my clips/{file.relative_to(clips)}"
            filesystem.create_dir(os.path.dirname(name))
            with filesystem.open_output_stream(name) as there:
                there.write(file.read_bytes())
        with filesystem.open_output_stream("voices/my clips/notes.txt") as there:
            there.write(b"no audio")
        yield filesystem, "s3://voices/{}" + query
    server.stop()


def test_a_bucket_is_read_and_written(cluster, clips, expected, bucket):
    filesystem, address = bucket
    with pytest.MonkeyPatch.context() as patch:
        left_out = []
        runtime = {"env_vars": {name: "of the test" for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}}
        ray.shutdown()
        ray.init(address=cluster.address, logging_level="ERROR", log_to_driver=False, runtime_env=runtime)
        out = address.format("emotions")
        assert predict(address.format("my clips/"), out, report=left_out.extend) == (43, 3)
        patch.setattr("emohrnet_tf.inference.distributed._scored", lambda *_: pytest.fail("all is there"))
        assert predict(address.format("my clips"), out) == (43, 3)
    assert [row["file"] for row in left_out] == ["1 files"]
    rows = table("voices/emotions/rows", filesystem=filesystem)
    head, tail = address.split("{}")
    rows["file"] = [str(clips / name.removeprefix(f"{head}my clips/").removesuffix(tail)) for name in rows.file]
    errors = rows.error.str.removeprefix(f"{head}my clips/")
    assert errors.notna().sum() == 3
    assert_same(rows.assign(error=None), expected.assign(error=None))
    with pytest.raises(InputError, match=r"s3://absent/.* cannot be read: check the bucket's name"):
        predict(address.replace("voices", "absent").format(""), out)


def test_what_cannot_be_is_said_before_there_is_work(cluster, clips, tmp_path, emohrnet):
    for arguments, message in (
        ((clips, "--out", tmp_path / "a", "--workers", 99), "99 workers need 99 CPUs"),
        ((clips, "--out", tmp_path / "a", "--workers", 0), "workers: 1 or more. Received: 0"),
        ((clips,), "give a folder as --out. Received: None"),
        ((clips, "--out", tmp_path / "a.csv"), "give a folder as --out"),
        ((clips, "--out", tmp_path / "a", "--speaker-from", "folder"), "leave --speaker-from out"),
        ((clips, "--out", tmp_path / "a", "--model", "absent"), "absent"),
        ((), "Give folders, manifests or buckets"),
    ):
        code, out, error = emohrnet("predict", *arguments, "--engine", "ray")
        assert (code, out) == (2, ""), error
        assert message in " ".join(error.split())
        assert "Traceback" not in error
    code, _, error = emohrnet("predict", clips, "--workers", 2)
    assert (code, "are of --engine ray. Received: 2" in error) == (2, True)
    ray.shutdown()
    for address in ("127.0.0.1:9", "ray://127.0.0.1:9", "ray://absent.invalid:10001", "nonsense"):
        began = time.perf_counter()
        code, _, error = emohrnet("predict", clips, "--out", tmp_path / "a", "--engine", "ray", "--address", address)
        assert (code, f"No cluster of Ray answers at {address}" in error) == (2, True), error
        assert time.perf_counter() - began < 15
    (tmp_path / "others" / "rows").mkdir(parents=True)
    pd.DataFrame({"file": ["a"]}).to_parquet(tmp_path / "others" / "rows" / "rows-000000.parquet")
    code, _, error = emohrnet("predict", clips, "--out", tmp_path / "others", "--engine", "ray")
    assert (code, "made by another model" in " ".join(error.split())) == (2, True), error
