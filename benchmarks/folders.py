"""How fast does a folder of short clips become a CSV, and what does it take?

    python benchmarks/folders.py --json benchmarks/folders.json [--files 10000] [--rounds 3]

`predict_into` by LiteRT on every core, on a folder of many clips (hard links to some hundred made-up voices), beside
the usual loop on a phone or a small server: one file after the other through the float32 TFLite file of the same model
on one thread, decoding included; and beside Ray with one and two workers, where it is installed (`.venv-ray`). They
take turns, in a process each, so that memory and processor time are their own, Ray's with all processes that it
starts; starting is not counted in files a second.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # as the command does

import numpy as np

from emohrnet_tf.files import write_json
from emohrnet_tf.provenance import provenance


def measured(files, call):
    """Files a second of `call()`, the share of the cores that it kept busy, and the process' peak memory."""
    began, busy = time.perf_counter(), sum(os.times()[:2])
    call()
    seconds = time.perf_counter() - began
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return {
        "files_per_second": files / seconds,
        "cores_busy": (sum(os.times()[:2]) - busy) / seconds,
        "peak_megabytes": int(lines["VmHWM"].split()[0]) / 1024,
    }


def run_folder(model, folder, out):
    """`predict_into` on all of a folder, as `emohrnet predict --out` calls it."""
    from emohrnet_tf.inference.predict import find_audio, opened, predict, predict_into

    files, model = find_audio([folder]), opened(model)
    predict(model, files[:128])
    return measured(len(files), lambda: predict_into(out, model, folder))


def run_litert(tflite, folder, limit):
    """File after file on one thread."""
    from emohrnet_tf.audio.files import load_audio
    from emohrnet_tf.audio.windows import windows
    from emohrnet_tf.inference.exported import TFLiteModel
    from emohrnet_tf.inference.predict import find_audio

    lite, files = TFLiteModel(tflite), find_audio([folder])[: int(limit)]

    def score(some):
        for file in some:
            lite.score(windows(load_audio(file, lite.sample_rate), lite.samples)).mean(axis=0)

    score(files[:20])
    return measured(len(files), lambda: score(files))


def tree():
    """`(processor seconds, peak MB)` of this process and all below it."""
    parents, facts, below = {}, {}, {os.getpid()}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            values = stat.read_text().rpartition(")")[2].split()
            peak = (stat.parent / "status").read_text().partition("VmHWM:")[2].split()
        except OSError:  # it has ended
            continue
        pid, parents[pid] = int(stat.parent.name), int(values[1])
        facts[pid] = sum(map(int, values[11:15])) / os.sysconf("SC_CLK_TCK"), int(peak[0]) / 1024 if peak else 0.0
    while more := {pid for pid, parent in parents.items() if parent in below} - below:
        below |= more
    return tuple(sum(facts[pid][which] for pid in below if pid in facts) for which in (0, 1))


def run_ray(model, folder, out, workers):
    """Ray on this machine."""
    from emohrnet_tf.cluster import cluster
    from emohrnet_tf.inference.distributed import predict
    from emohrnet_tf.inference.predict import find_audio

    files, began = len(find_audio([folder])), time.perf_counter()
    with cluster(workers=int(workers)):
        started = time.perf_counter()
        before = tree()[0]
        predict(folder, out, model, workers=int(workers))
        seconds, (busy, megabytes) = time.perf_counter() - started, tree()
        return {
            "files_per_second": files / seconds,
            "cores_busy": (busy - before) / seconds,
            "peak_megabytes": megabytes,
            "start_seconds": started - began,
        }


def child(*arguments):
    """What one of them measures in a process of its own."""
    command = [sys.executable, __file__, "--child", *map(str, arguments)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="ravdess")
    parser.add_argument("--files", type=int, default=10000)
    parser.add_argument("--litert-files", type=int, default=1000, help="of these, for the loop")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json")
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        which, *arguments = options.child
        print(json.dumps({"folder": run_folder, "litert": run_litert, "ray": run_ray}[which](*arguments)))
        return
    from emohrnet_tf.demo.voices import make_corpus
    from emohrnet_tf.exporter.metadata import add_metadata
    from emohrnet_tf.exporter.tflite import to_float32
    from emohrnet_tf.model.saved import load_model

    with tempfile.TemporaryDirectory() as scratch:
        scratch, folder = Path(scratch), Path(scratch) / "clips"
        clips = make_corpus(scratch / "corpus", speakers=8, clips_per_emotion=6)
        for number in range(options.files):
            part = folder / f"{number // 1000:03}"
            part.mkdir(parents=True, exist_ok=True)
            os.link(scratch / "corpus" / clips.file[number % len(clips)], part / f"{number:06}.wav")
        model, tflite = load_model(options.model), scratch / "float32.tflite"
        tflite.write_bytes(add_metadata(to_float32(model), model.labels, model.audio.sample_rate))
        rounds = []
        for number in range(options.rounds):
            figures = {"folder": child("folder", options.model, folder, scratch / f"{number}.csv")}
            figures["litert"] = child("litert", tflite, folder, options.litert_files)
            for workers in (1, 2) if importlib.util.find_spec("ray") else ():
                out = scratch / f"{number}_{workers}"
                figures[f"ray_{workers}"] = child("ray", options.model, folder, out, workers)
            for row in figures.values():
                row["milliseconds_per_file"] = 1000 * row["cores_busy"] / row["files_per_second"]
            rounds.append(figures)
            print({name: round(row["files_per_second"]) for name, row in figures.items()}, flush=True)
    rows = {
        name: {key: float(np.median([one[name][key] for one in rounds])) for key in rounds[0][name]}
        for name in rounds[0]
    }
    ratio = float(np.median([one["folder"]["files_per_second"] / one["litert"]["files_per_second"] for one in rounds]))
    for name, row in rows.items():
        print(name, {key: round(value, 2) for key, value in row.items()})
    print(f"ratio {ratio:.2f}")
    if options.json:
        facts = {"files": options.files, "litert_files": options.litert_files, "rounds": options.rounds, "rows": rows}
        facts |= {"model": options.model, "network": model.settings.architecture, "ratio": ratio}
        facts["clip_seconds"] = float(clips.duration_seconds.median())
        write_json(options.json, facts | {"window_seconds": model.audio.samples / 16000} | provenance())


if __name__ == "__main__":
    main()
