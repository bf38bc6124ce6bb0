"""How fast does a folder of short clips become a CSV, and what does it take?

    python benchmarks/folders.py --json benchmarks/folders.json [--files 10000] [--rounds 3]

`predict_into` by LiteRT on every core, on a folder of many clips (hard links to some hundred made-up voices), beside
the usual loop on a phone or a small server: one file after the other through the float32 TFLite file of the same model
on one thread, decoding included. They take turns, in a process each, so that memory and processor time are their own;
starting is not counted.
"""

import argparse
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
    from emohrnet_tf.exporter.litert import scorer_for
    from emohrnet_tf.inference.predict import find_audio, predict, predict_into
    from emohrnet_tf.model.saved import load_model

    files = find_audio([folder])
    model = scorer_for(load_model(model), len(files))
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


def child(*arguments):
    """What one of the two measures in a process of its own."""
    command = [sys.executable, __file__, "--child", *map(str, arguments)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="ravdess")
    parser.add_argument("--files", type=int, default=10000)
    parser.add_argument("--litert-files", type=int, default=1000, help="of these, for the loop")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json")
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        which, *arguments = options.child
        print(json.dumps({"folder": run_folder, "litert": run_litert}[which](*arguments)))
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
            folder_figures = child("folder", options.model, folder, scratch / f"{number}.csv")
            rounds.append({"folder": folder_figures, "litert": child("litert", tflite, folder, options.litert_files)})
            print({name: round(figures["files_per_second"]) for name, figures in rounds[-1].items()}, flush=True)
    rows = {
        name: {key: float(np.median([one[name][key] for one in rounds])) for key in rounds[0][name]}
        for name in ("folder", "litert")
    }
    ratio = float(np.median([one["folder"]["files_per_second"] / one["litert"]["files_per_second"] for one in rounds]))
    print("| what | files/s | cores busy | peak MB |\n|---|---:|---:|---:|")
    for name, row in rows.items():
        print(f"| {name} | {row['files_per_second']:.0f} | {row['cores_busy']:.2f} | {row['peak_megabytes']:.0f} |")
    print(f"ratio {ratio:.2f}")
    if options.json:
        facts = {"files": options.files, "litert_files": options.litert_files, "rounds": options.rounds, "rows": rows}
        facts |= {"model": options.model, "network": model.settings.architecture, "ratio": ratio}
        facts["clip_seconds"] = float(clips.duration_seconds.median())
        write_json(options.json, facts | {"window_seconds": model.audio.samples / 16000} | provenance())


if __name__ == "__main__":
    main()
