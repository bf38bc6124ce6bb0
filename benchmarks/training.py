"""How fast does each architecture train, and how long until its first step?

    python benchmarks/training.py --json benchmarks/training.json

For each architecture, in a process of its own: clips a second of `model.fit`'s training step (median of the steps), the
arithmetic it does (3 x 2 x multiply-accumulates a clip: forward, and backward twice) as a share of the matrix-product
peak measured in the same process, and the seconds from an imported package to the end of the first step.
"""

import argparse
import json
import os
import subprocess
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # as the command does


def measure(architecture, frames, batch_size, steps, mixed):
    """One architecture's figures; run in a fresh process."""
    import keras
    import numpy as np
    import tensorflow as tf

    from emohrnet_tf.config import Config
    from emohrnet_tf.model.hrnet import costs
    from emohrnet_tf.training.trainer import trainable

    peak = matrix_peak(tf)
    settings = {
        "audio": {"frames": frames},
        "network": {"architecture": architecture},
        "training": {"batch_size": batch_size, "mixed_precision": mixed},
    }
    config = Config().replace(settings)
    random = np.random.default_rng(0)
    log_mels = random.standard_normal((batch_size, frames, config.audio.mels, 1)).astype("float32")
    batches = tf.data.Dataset.from_tensors((log_mels, np.eye(8, dtype="float32")[np.arange(batch_size) % 8])).repeat()

    class Times(keras.callbacks.Callback):
        ends = []  # noqa: RUF012

        def on_train_batch_end(self, batch, logs=None):
            self.ends.append(time.perf_counter())

    began = time.perf_counter()
    network, _ = trainable(config, 8)
    built = time.perf_counter()
    network.fit(batches, steps_per_epoch=steps, verbose=0, shuffle=False, callbacks=[Times()])
    seconds = float(np.median(np.diff(Times.ends)[2:]))
    gflop = 6e-9 * sum(cost for _, cost in costs(network).values())
    return {
        "architecture": architecture,
        "parameters": network.count_params(),
        "clips_per_second": batch_size / seconds,
        "milliseconds_per_clip": 1000 * seconds / batch_size,
        "gflop_per_second": gflop * batch_size / seconds,
        "matrix_peak_gflop_per_second": peak,
        "share_of_peak": gflop * batch_size / seconds / peak,
        "build_seconds": built - began,
        "first_step_seconds": Times.ends[0] - began,
    }


def matrix_peak(tf, side=2048, repeats=7):
    """GFLOP/s of a float32 matrix product of the machine: the best of some."""
    a = tf.random.normal((side, side))
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        tf.linalg.matmul(a, a).numpy()
        times.append(time.perf_counter() - began)
    return 2e-9 * side**3 / min(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--architectures", default="tiny,lite,small,small_v2,w18")
    parser.add_argument("--frames", type=int, default=256)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--steps", type=int, default=15)
    parser.add_argument("--mixed-precision", action="store_true")
    parser.add_argument("--json")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        figures = measure(options.one, options.frames, options.batch_size, options.steps, options.mixed_precision)
        print(json.dumps(figures))
        return
    rows = []
    for architecture in options.architectures.split(","):
        command = [sys.executable, __file__, *sys.argv[1:], "--one", architecture]
        rows.append(
            json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
        )
    print("| architecture | parameters | clips/s | ms a clip | share of matrix peak | first step, s |")
    print("|---|---:|---:|---:|---:|---:|")
    for row in rows:
        share = f"{100 * row['share_of_peak']:.0f} %"
        speed = f"{row['clips_per_second']:.0f} | {row['milliseconds_per_clip']:.1f} | {share}"
        print(f"| {row['architecture']} | {row['parameters']:,} | {speed} | {row['first_step_seconds']:.1f} |")
    if options.json:
        from emohrnet_tf.files import write_json
        from emohrnet_tf.provenance import provenance

        settings = {"frames": options.frames, "mels": 64, "batch_size": options.batch_size, "steps": options.steps}
        settings["mixed_precision"] = options.mixed_precision
        write_json(options.json, {"settings": settings, "rows": rows, **provenance()})


if __name__ == "__main__":
    main()
