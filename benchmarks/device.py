"""How fast is each exported file on one thread, and what does it weigh?

    python benchmarks/device.py --json benchmarks/device.json

For every architecture, kind of file and window: size, median milliseconds of the network alone and of the whole file
(front end included), XNNPACK partitions, peak memory of a process that runs it (export/check_device.py); beside them in
the same run the network `small` with fewer channels or blocks (narrower.py), the front end alone, and two yardsticks: a
512 x 512 x 512 float32 matrix product, and a network of Light-SERNet's published shape (Aftab et al., ICASSP 2022,
arXiv 2110.03435). Weights are random: speed does not depend on them. The networks take turns, so that a drift of the
machine meets all of them alike.
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

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from narrower import NARROWER, register, slug

from emohrnet_tf.config import Audio, Network
from emohrnet_tf.exporter.metadata import add_metadata
from emohrnet_tf.exporter.tflite import KINDS, SIGNATURE, quantize
from emohrnet_tf.files import write_json
from emohrnet_tf.model.emohrnet import EmoHRNet
from emohrnet_tf.model.hrnet import ARCHITECTURES, build_network, costs
from emohrnet_tf.provenance import provenance

LABELS = ["neutral", "calm", "happiness", "sadness", "anger", "fear", "disgust", "surprise"]
CHECK = Path(__file__).resolve().parents[1] / "export" / "check_device.py"
random = np.random.default_rng(0)


def convert(function, shape, variables, name="waveform"):
    """A float32 TFLite file of a function of one tensor, by the exporter's way."""
    module = tf.Module()
    module.weights = [variable.value for variable in variables]
    spec = tf.TensorSpec(shape, tf.float32, name=name)
    module.serve = tf.function(lambda **inputs: {"probabilities": function(inputs[name])})
    concrete = module.serve.get_concrete_function(**{name: spec})
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures={SIGNATURE: concrete})
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        return converter.convert()


def light_sernet(frames=184, bins=40, classes=8):
    """A network of Light-SERNet's shape; its maps are named so that the exporter quantises them."""
    x = inputs = keras.Input((frames, bins, 1), batch_size=1)

    def block(x, filters, kernel, pool, name):
        x = layers.Conv2D(filters, kernel, padding="same", use_bias=False, name=f"stage_{name}")(x)
        x = layers.ReLU(name=f"stage_relu_{name}")(layers.BatchNormalization(name=f"stage_norm_{name}")(x))
        return layers.AveragePooling2D(pool, name=f"stage_pool_{name}")(x) if pool else x

    paths = [block(x, 32, kernel, (2, 2), f"path{i}") for i, kernel in enumerate([(11, 1), (1, 9), (3, 3)])]
    x = layers.Concatenate(name="stage_concatenate")(paths)
    for i, (filters, pool) in enumerate([(64, (2, 2)), (96, (2, 2)), (128, (2, 1)), (160, (2, 1))]):
        x = block(x, filters, (3, 3), pool, f"body{i}")
    x = block(x, 320, (1, 1), None, "body4")
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(classes, activation="softmax")(x))


def runners(files):
    """`{name: call}`, one thread each."""
    from ai_edge_litert.interpreter import Interpreter

    calls = {}
    for name, contents in files.items():
        interpreter = Interpreter(model_content=contents, num_threads=1)
        run = interpreter.get_signature_runner(SIGNATURE)
        (key, details), *_ = run.get_input_details().items()
        value = random.uniform(-0.1, 0.1, details["shape"]).astype("float32")
        run(**{key: value})
        partitions = sum(op["op_name"] == "DELEGATE" for op in interpreter._get_ops_details())
        calls[name] = (lambda run=run, key=key, value=value: run(**{key: value}), partitions)
    return calls


def medians(calls, rounds):
    """Median milliseconds of each call, all taking turns."""
    times = {name: [] for name in calls}
    for _ in range(rounds):
        for name, (call, _) in calls.items():
            for _ in range(3):
                began = time.perf_counter()
                call()
                times[name].append(1000 * (time.perf_counter() - began))
    return {name: float(np.median(values)) for name, values in times.items()}


def peak_memory(contents):
    """Peak MB of a process that runs a file."""
    with tempfile.NamedTemporaryFile(suffix=".tflite") as file:
        file.write(contents)
        file.flush()
        command = [sys.executable, str(CHECK), file.name, "--runs", "5"]
        result = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(result.stdout)["memory_mb"]["of_the_model"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    own = ",".join(ARCHITECTURES)
    register()
    parser.add_argument("--architectures", default=own)
    parser.add_argument("--frames", default="192,256")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--json")
    options = parser.parse_args()
    files, rows, front = {}, [], {}
    light = light_sernet()
    plain = convert(lambda x: light(x, training=False), (1, 184, 40, 1), light.variables, "log_mel")
    noise = [{"log_mel": random.standard_normal((1, 184, 40, 1)).astype("float32")} for _ in range(16)]
    files["light_sernet float32"], files["light_sernet int8"] = plain, quantize(plain, "int8", noise)
    for frames in map(int, options.frames.split(",")):
        for architecture in options.architectures.split(","):
            audio = Audio(frames=frames)
            model = EmoHRNet(LABELS, audio, Network(architecture))
            head = lambda x, model=model: tf.nn.softmax(model.network(x, training=False))  # noqa: E731
            whole = convert(lambda x, m=model: m.call_windows(x)["probabilities"], (1, audio.samples), model.variables)
            network = convert(head, (1, frames, audio.mels, 1), model.variables, "log_mel")
            windows = random.uniform(-0.1, 0.1, (16, audio.samples)).astype("float32")
            maps = [{"log_mel": model.front_end(window[None]).numpy()} for window in windows]
            if frames not in front:
                front[frames] = f"front end {frames}"
                files[front[frames]] = convert(model.front_end.call, (1, audio.samples), [])
            macs = sum(cost for _, cost in costs(model.network).values())
            for kind in KINDS:
                name = f"{architecture} {frames} {kind}"
                contents = quantize(whole, kind, [{"waveform": window[None]} for window in windows])
                files[name] = add_metadata(contents, LABELS, 16000)
                files[name + " network"] = quantize(network, kind, maps)
                rows.append({"name": name, "architecture": architecture, "frames": frames, "kind": kind, "macs": macs})
    narrower = []
    for name, (_, filters) in NARROWER.items():
        small = build_network(192, 64, len(LABELS), slug(name), fuse_filters=filters)
        files[name] = convert(
            lambda x, small=small: tf.nn.softmax(small(x, training=False)), (1, 192, 64, 1), small.variables, "log_mel"
        )
        macs = sum(cost for _, cost in costs(small).values())
        narrower.append({"name": name, "macs": macs, "parameters": small.count_params()})
    calls = runners(files)
    matrix = random.standard_normal((512, 512)).astype("float32")
    limited = tf.constant(matrix)
    calls["matrix product 512"] = (lambda: tf.linalg.matmul(limited, limited).numpy(), 0)
    milliseconds = medians(calls, options.rounds)
    for row in rows:
        name = row.pop("name")
        row |= {"bytes": len(files[name]), "file_ms": milliseconds[name], "partitions": calls[name][1]}
        row |= {"network_ms": milliseconds[name + " network"], "peak_mb": peak_memory(files[name])}
        row["front_end_ms"] = milliseconds[front[row["frames"]]]
    for row in narrower:
        row["network_ms"] = milliseconds[row["name"]]
    yardsticks = {name: milliseconds[name] for name in milliseconds if name.split()[0] in ("light_sernet", "matrix")}
    print("| network | frames | kind | KB | network ms | whole file ms | partitions | peak MB |")
    print("|---|---:|---|---:|---:|---:|---:|---:|")
    for row in rows:
        print(
            f"| {row['architecture']} | {row['frames']} | {row['kind']} | {row['bytes'] / 1000:.0f} | "
            f"{row['network_ms']:.2f} | {row['file_ms']:.2f} | {row['partitions']} | {row['peak_mb']} |"
        )
    for name, value in yardsticks.items():
        print(f"{name}: {value:.2f} ms")
    for frames, name in front.items():
        print(f"front end, {frames} frames: {milliseconds[name]:.2f} ms")
    if options.json:
        facts = {"rows": rows, "narrower": narrower, "yardsticks_ms": yardsticks, "threads": 1}
        write_json(options.json, facts | {"light_sernet_parameters": light.count_params()} | provenance())


if __name__ == "__main__":
    tf.config.threading.set_intra_op_parallelism_threads(1)
    main()
