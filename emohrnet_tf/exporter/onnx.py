"""An EmoHRNet as an ONNX file, from raw audio on, by tf2onnx."""

import importlib.util
import io
import json
import logging

import tensorflow as tf

from emohrnet_tf.audio.quiet import silence
from emohrnet_tf.errors import InputError
from emohrnet_tf.model.emohrnet import EmoHRNet
from emohrnet_tf.model.sphere import DIMENSIONS

OPSET = 17  # of 2022: what runs ONNX today reads it
NEEDS = ("tf2onnx", "onnx", "onnxruntime")


def missing():
    """Names of the packages of the extra `onnx` that are not installed."""
    return [name for name in NEEDS if importlib.util.find_spec(name) is None]


def to_onnx(model, about=None):
    """The bytes of a model's ONNX file, float32, standard operators alone.

    Input `waveform` float32 `[batch, samples]`, windows of `emohrnet_tf.audio.windows`. Outputs, as the model has them:
    `probabilities` `[batch, classes]`, `dimensions` `[batch, 3]` (valence, arousal, dominance, on the scale of the
    model's labels) and `embedding` `[batch, filters]`. No row sees another. Metadata of the file: `emohrnet`, JSON of
    `labels`, `sample_rate`, `samples`, `scale`, `licence`, `trained_on` and `about`.

    Args:
        model: `EmoHRNet`.
        about: further facts of the metadata, plain values.

    Raises:
        InputError: not an EmoHRNet; a package of the extra `onnx` is missing.

    Example:
        Path("emotion.onnx").write_bytes(to_onnx(load_model("ravdess")))
    """
    if not isinstance(model, EmoHRNet):
        raise InputError(f"Only an EmoHRNet becomes an ONNX file. Received: {type(model).__name__}")
    if absent := missing():
        raise InputError(f"An ONNX file needs pip install 'emohrnet_tf[onnx]'. Received: no module {absent[0]}")
    with silence():  # tf2onnx writes to the terminal what it does
        import onnx
        import tf2onnx

        logging.getLogger("tf2onnx").setLevel(logging.ERROR)

        def answer(waveform):
            outputs = model.call_windows(waveform)
            found = {name: outputs[name] for name in ("probabilities", "embedding") if name in outputs}
            if "dimensions" in outputs:
                low, high = model.sphere.low, model.sphere.high
                found["dimensions"] = low + (outputs["dimensions"] + 1.0) * ((high - low) / 2)
            return found

        signature = [tf.TensorSpec((None, model.audio.samples), tf.float32, name="waveform")]
        graph = tf.function(answer, input_signature=signature)
        converted, _ = tf2onnx.convert.from_function(graph, input_signature=signature, opset=OPSET)
    for node in converted.graph.node:
        for attribute in node.attribute:
            # Deprecated since opset 13, where maps grow by whole factors the same, and known to every runtime
            if attribute.name == "coordinate_transformation_mode" and attribute.s == b"tf_half_pixel_for_nn":
                attribute.s = b"asymmetric"
    facts = {"labels": model.labels, "sample_rate": model.audio.sample_rate, "samples": model.audio.samples}
    facts |= {"scale": None if model.sphere is None else [model.sphere.low, model.sphere.high]}
    facts |= {"licence": model.licence, "trained_on": list(model.trained_on), **(about or {})}
    facts |= {"dimensions": list(DIMENSIONS)} if model.sphere is not None else {}
    entry = converted.metadata_props.add()
    entry.key, entry.value = "emohrnet", json.dumps(facts, ensure_ascii=False)
    onnx.checker.check_model(converted)
    contents = io.BytesIO()
    onnx.save_model(converted, contents)
    return contents.getvalue()
