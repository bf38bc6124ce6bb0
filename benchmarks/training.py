"""How fast does each architecture train, and how long until its first step?

    python benchmarks/training.py --json benchmarks/training.json

For each architecture, in a process of its own: clips a second of `model.fit`'s training step (median of the steps), the
arithmetic it does (3 x 2 x multiply-accumulates a clip: forward, and backward twice) as a share of the matrix-product
peak measured in the same process, and the seconds from an imported package to the end of the first step. Then for some
of them where a step on one thread goes, by TensorFlow's profiler: each kind of operation's share of it, and of the
convolutions the share of the peak.
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


KINDS = {  # of operations, by what stands in their names
    "convolution, forward": ("Conv2D",),
    "convolution, to its input": ("Conv2DBackpropInput",),
    "convolution, to its kernel": ("Conv2DBackpropFilter",),
    "batch normalisation": ("FusedBatchNorm",),
    "ReLU": ("Relu",),
    "upsampling": ("ResizeNearest",),
}


def kind_of(operation):
    """The kind of an operation, of several that fit the one of the longest name."""
    fitting = [(len(part), kind) for kind, parts in KINDS.items() for part in parts if part in operation]
    return max(fitting)[1] if fitting else "sums, optimiser and all else"


def prepared(architecture, frames, batch_size, mixed):
    """The compiled network, batches of noise, and the arithmetic of a step: `(network, batches, gflop)`."""
    import numpy as np
    import tensorflow as tf

    from emohrnet_tf.config import Config
    from emohrnet_tf.model.hrnet import costs
    from emohrnet_tf.training.network import trainable

    settings = {
        "audio": {"frames": frames},
        "network": {"architecture": architecture},
        "training": {"batch_size": batch_size, "mixed_precision": mixed},
    }
    config = Config().replace(settings)
    random = np.random.default_rng(0)
    log_mels = random.standard_normal((batch_size, frames, config.audio.mels, 1)).astype("float32")
    batches = tf.data.Dataset.from_tensors((log_mels, np.eye(8, dtype="float32")[np.arange(batch_size) % 8])).repeat()
    network, _ = trainable(config, 8)
    return network, batches, 6e-9 * sum(cost for _, cost in costs(network).values()) * batch_size


def measure(architecture, frames, batch_size, steps, mixed):
    """One architecture's figures; run in a fresh process."""
    import keras
    import numpy as np
    import tensorflow as tf

    import emohrnet_tf.training.network  # noqa: F401  what is imported does not count

    class Times(keras.callbacks.Callback):
        ends = []  # noqa: RUF012

        def on_train_batch_end(self, batch, logs=None):
            self.ends.append(time.perf_counter())

    peak, began = matrix_peak(tf), time.perf_counter()
    network, batches, gflop = prepared(architecture, frames, batch_size, mixed)
    built = time.perf_counter()
    network.fit(batches, steps_per_epoch=steps, verbose=0, shuffle=False, callbacks=[Times()])
    seconds = float(np.median(np.diff(Times.ends)[2:]))
    return {
        "architecture": architecture,
        "parameters": network.count_params(),
        "clips_per_second": batch_size / seconds,
        "milliseconds_per_clip": 1000 * seconds / batch_size,
        "gflop_per_second": gflop / seconds,
        "matrix_peak_gflop_per_second": peak,
        "share_of_peak": gflop / seconds / peak,
        "build_seconds": built - began,
        "first_step_seconds": Times.ends[0] - began,
    }


def profile(architecture, frames, batch_size, steps, mixed):
    """Where a training step on one thread goes: seconds of each kind of operation; run in a fresh process."""
    import tensorflow as tf
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    peak, (network, batches, gflop) = matrix_peak(tf), prepared(architecture, frames, batch_size, mixed)
    network.fit(batches, steps_per_epoch=3, verbose=0, shuffle=False)
    with tempfile.TemporaryDirectory() as folder:
        tf.profiler.experimental.start(folder)
        network.fit(batches, steps_per_epoch=steps, verbose=0, shuffle=False)
        tf.profiler.experimental.stop()
        space = xplane_pb2.XSpace.FromString(next(Path(folder).rglob("*.xplane.pb")).read_bytes())
    seconds = dict.fromkeys([*KINDS, kind_of("")], 0.0)
    for plane in space.planes:
        for event in (event for line in plane.lines for event in line.events):
            layer, _, operation = plane.event_metadata[event.metadata_id].name.rpartition(":")
            if layer and not layer.endswith(":") and layer != "EagerLocalExecute":
                seconds[kind_of(operation)] += 1e-12 * event.duration_ps / steps
    return {"architecture": architecture, "seconds": seconds, "gflop": gflop, "matrix_peak_gflop_per_second": peak}


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
    parser.add_argument("--profiled", default="small,lite")
    parser.add_argument("--json")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--profile", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        work = profile if options.profile else measure
        print(json.dumps(work(options.one, options.frames, options.batch_size, options.steps, options.mixed_precision)))
        return

    def in_own_process(*arguments):
        command = [sys.executable, __file__, *sys.argv[1:], *arguments]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])

    rows = [in_own_process("--one", architecture) for architecture in options.architectures.split(",")]
    profiles = [in_own_process("--profile", "--one", architecture) for architecture in options.profiled.split(",")]
    print("| architecture | parameters | clips/s | ms a clip | share of matrix peak | first step, s |")
    print("|---|---:|---:|---:|---:|---:|")
    for row in rows:
        share = f"{100 * row['share_of_peak']:.0f} %"
        speed = f"{row['clips_per_second']:.0f} | {row['milliseconds_per_clip']:.1f} | {share}"
        print(f"| {row['architecture']} | {row['parameters']:,} | {speed} | {row['first_step_seconds']:.1f} |")
    for row in profiles:
        whole = sum(row["seconds"].values())
        print(row["architecture"], *(f"{kind} {100 * s / whole:.0f} %" for kind, s in row["seconds"].items()), sep="; ")
    if options.json:
        from emohrnet_tf.files import write_json
        from emohrnet_tf.provenance import provenance

        settings = {"frames": options.frames, "mels": 64, "batch_size": options.batch_size, "steps": options.steps}
        settings["mixed_precision"] = options.mixed_precision
        write_json(options.json, {"settings": settings, "rows": rows, "profiles": profiles, **provenance()})


if __name__ == "__main__":
    main()
