"""Does the input pipeline keep up with training, and does its memory stay flat?

    python benchmarks/pipeline.py --json benchmarks/pipeline.json [--corpus FOLDER_OF_RAVDESS]

Clips a second from file bytes to augmented batches, cached and read anew, beside the training step of `lite` and
`small` on the same batches and the usual loop (librosa.load, librosa.feature.melspectrogram) on the same files, in one
run. Memory: the process' peak while reading the same number of batches from the index and from the index 100 times as
long, in a process each, nothing cached. Without --corpus, on the embedded synthetic voices.
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


def make_batches(index, cache, times=1):
    import numpy as np
    import pandas as pd

    from emohrnet_tf.config import Config
    from emohrnet_tf.data.pipeline import Clips, training_batches

    config = Config().replace({"training": {"batch_size": 32}})
    clips = Clips(index, cache_bytes=(2 << 30) if cache else 0)
    if times > 1:  # the index grows; its files, already found readable, do not
        clips.index = pd.concat([clips.index] * times, ignore_index=True)
        clips.lengths = np.tile(clips.lengths, times)
    rows = np.arange(len(clips.index))
    return training_batches(clips, rows, np.eye(8)[rows % 8], config)[0]


def rate(batches, seconds=8.0):
    """Clips a second, after two batches of warm-up."""
    iterator = iter(batches)
    next(iterator), next(iterator)
    began, clips = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        clips += len(next(iterator)[1])
    return clips / (time.perf_counter() - began)


def librosa_rate(files, seconds=8.0):
    import librosa
    import numpy as np

    librosa.feature.melspectrogram(
        y=librosa.load(files[0], sr=16000)[0], sr=16000, n_fft=1024, hop_length=256, n_mels=64
    )
    began, clips = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        waveform = librosa.util.fix_length(librosa.load(files[clips % len(files)], sr=16000)[0], size=65536)
        mel = librosa.feature.melspectrogram(y=waveform, sr=16000, n_fft=1024, hop_length=256, n_mels=64)
        np.log(mel + 1e-6)
        clips += 1
    return clips / (time.perf_counter() - began)


def training_rate(batches, architecture, steps=15):
    import keras
    import numpy as np

    from emohrnet_tf.config import Config
    from emohrnet_tf.training.network import trainable

    network, _ = trainable(Config().replace({"network": {"architecture": architecture}}), 8)
    batch = next(iter(batches))
    ends = []
    note = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: ends.append(time.perf_counter()))
    import tensorflow as tf

    data = tf.data.Dataset.from_tensors(batch).repeat()
    network.fit(data, steps_per_epoch=steps, verbose=0, shuffle=False, callbacks=[note])
    return len(batch[1]) / float(np.median(np.diff(ends)[2:]))


def peak_megabytes(index_file, times):
    """Peak memory of a process that reads 40 batches, nothing cached."""
    command = [sys.executable, __file__, "--memory", index_file, str(times)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, help="a folder of RAVDESS; else the synthetic corpus")
    parser.add_argument("--json")
    parser.add_argument("--memory", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    from emohrnet_tf.corpora import read_corpus, read_index, write_index

    if options.memory:
        batches = iter(make_batches(read_index(options.memory[0]), cache=False, times=int(options.memory[1])))
        for _ in range(40):
            next(batches)
        lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
        print(int(lines["VmHWM"].split()[0]) / 1024)  # getrusage would count the process that started this one
        return
    with tempfile.TemporaryDirectory() as folder:
        corpus = options.corpus
        if corpus is None:
            from emohrnet_tf.demo.voices import make_corpus

            corpus = Path(folder) / "corpus"
            make_corpus(corpus, speakers=10)
        index, _ = read_corpus("ravdess", corpus)
        index_file = str(Path(folder) / "index.csv")
        write_index(index, index_file)
        cached = make_batches(index, cache=True)
        figures = {
            "pipeline, cached": rate(cached),
            "pipeline, from files": rate(make_batches(index, cache=False)),
            "librosa loop": librosa_rate(index.file.tolist()),
            "training step, lite": training_rate(cached, "lite"),
            "training step, small": training_rate(cached, "small"),
        }
        memory = {f"index x {times}": peak_megabytes(index_file, times) for times in (1, 100)}
    print("| what | clips a second | to the training step of small |\n|---|---:|---:|")
    for name, value in figures.items():
        print(f"| {name} | {value:.0f} | {value / figures['training step, small']:.1f} |")
    print("\n| peak memory, from files | MB |\n|---|---:|")
    for name, value in memory.items():
        print(f"| {name} ({len(index) * int(name.split()[-1])} clips) | {value:.0f} |")
    if options.json:
        from emohrnet_tf.files import write_json
        from emohrnet_tf.provenance import provenance

        corpus = "RAVDESS speech" if options.corpus else "synthetic"
        facts = {"corpus": corpus, "clips": len(index), "clips_per_second": figures, "peak_megabytes": memory}
        write_json(options.json, facts | provenance())


if __name__ == "__main__":
    main()
