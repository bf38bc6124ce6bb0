"""An EmoHRNet as a TFLite file: float32, float16, dynamic-range int8, int8 weights and activations."""

import contextlib
import io
import re
import tempfile
import warnings

import numpy as np
import tensorflow as tf

from emohrnet_tf.errors import InputError
from emohrnet_tf.exporter.metadata import pack, unpack
from emohrnet_tf.model.emohrnet import EmoHRNet
from emohrnet_tf.model.features import LEVEL_FLOOR

KINDS = ("float32", "float16", "dynamic_int8", "int8")
TASKS = ("emotion", "vad", "reference")
MIN_CALIBRATION = 16  # windows that are not silent; a hundred or more serve better
SIGNATURE = "serving_default"
# Names of the quantised operations' outputs: the convolutions and what lies between them, which are all of the network
# but its head. The front end computes in float, as 8 bits cannot hold a power spectrum; only its mel filters are
# stored in float16.
MAPS = "stem|stage|transition|fuse"
FRONT_END = "log_mel"
FILTERS = f"{FRONT_END}[^;]*/mel/"
HEAD = r"/(style|embedding|dimensions)"  # of the dimensions, which computes in float and is stored in float16


def convert(model, kind, calibration=None, task="emotion"):
    """One TFLite file of a model, without metadata (`metadata.add_metadata`).

    The graph is the model's own `call_windows`, which answers silence like any other window. Signature
    `serving_default`: `waveform` float32 `[1, samples]` -> `probabilities` float32 `[1, classes]`, in every kind; for
    the task "vad" `valence`, `arousal` and `dominance` float32 `[1, 1]`, on the scale of the model's labels; for
    "reference", of a model of `network.reference`, also an input `reference` float32 `[1, filters]`, zeros for none,
    and an output `embedding` of that shape, of whose mean over a voice's recordings a reference is made. Builtin
    TFLite operations only, fixed shapes.

    Args:
        model: `EmoHRNet`.
        kind: one of `KINDS`. Front end, pooling and head compute in float32 in all of them; "dynamic_int8" finds the
            ranges of its activations while it runs, "int8" has them fixed by `calibration` and is the fastest.
        calibration: waveforms `(n, samples)` for "int8", of the training part; at least `MIN_CALIBRATION` that are
            not silent.
        task: one of `TASKS`.

    Returns:
        bytes.

    Raises:
        InputError: another kind, a task that the model has no head for, a model that is not an EmoHRNet, calibration
            that is missing, too small or silent.

    Example:
        Path("emotion.tflite").write_bytes(convert(model, "int8", calibration=windows))
    """
    if kind not in KINDS:
        raise InputError(f"Unknown kind of TFLite file: choose one of {', '.join(KINDS)}. Received: {kind!r}")
    if not isinstance(model, EmoHRNet):
        raise InputError(f"Only an EmoHRNet becomes a TFLite file. Received: {type(model).__name__}")
    if kind == "int8":
        calibration = calibration_inputs(calibration, model.audio.samples)
    return quantize(to_float32(model, task), kind, calibration)


def to_float32(model, task="emotion"):
    """The float32 TFLite file of a model's task, from which `quantize` makes every other kind."""
    there = {"emotion": model.head.emotions, "vad": model.head.dimensions, "reference": model.takes_reference}
    if not there.get(task):
        raise InputError(f"The model has no head for this task; its head is {model.head.kind!r}. Received: {task!r}")

    def serve(waveform, reference=None):
        outputs = model.call_windows(waveform, reference)
        if task == "vad":
            return model.sphere.named(outputs["dimensions"])
        return {name: outputs[name] for name in ("probabilities", "embedding")[: 1 + (task == "reference")]}

    module = tf.Module()
    module.weights = [variable.value for variable in model.variables]
    taken = [tf.TensorSpec((1, model.audio.samples), tf.float32, name="waveform")]
    if task == "reference":
        taken.append(tf.TensorSpec((1, model.widths["embedding"]), tf.float32, name="reference"))
    module.serve = tf.function(serve, input_signature=taken)
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures={SIGNATURE: module.serve})
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]  # any other operation is an error
        return converter.convert()


def quantize(tflite, kind, calibration=None):
    """A float32 TFLite file of `to_float32` as another of `KINDS`; "int8" needs `calibration`, a list of inputs."""
    if kind == "float32":
        return tflite
    try:
        from litert_quantizer import calibrator, qtyping, quantizer, recipe_manager
        from litert_quantizer.utils import qsv_utils
    except ImportError as error:
        raise InputError(f"{kind} needs LiteRT's quantizer: pip install 'emohrnet_tf[export]'.") from error
    everything, measured = qtyping.TFLOperationName.ALL_SUPPORTED, None
    half = qtyping.OpQuantizationConfig(
        weight_tensor_config=qtyping.TensorQuantizationConfig(num_bits=16, dtype=qtyping.TensorDataType.FLOAT),
        compute_precision=qtyping.ComputePrecision.FLOAT,
        explicit_dequantize=True,
    )
    recipe = recipe_manager.RecipeManager()
    recipe.add_quantization_config(f"{FILTERS}|{HEAD}", everything, half, quantizer.AlgorithmName.FLOAT_CASTING)
    if kind == "float16":
        recipe.add_quantization_config(MAPS, everything, half, quantizer.AlgorithmName.FLOAT_CASTING)
    elif kind == "dynamic_int8":
        recipe.add_dynamic_config(MAPS, everything, num_bits=8)
    else:
        recipe.add_static_config(MAPS, everything, activation_num_bits=8, weight_num_bits=8)
    with warnings.catch_warnings(), _silence():
        warnings.simplefilter("ignore")
        if kind == "int8":  # the quantizer's own choice, a moving average of each clip's range, cuts off loud clips
            ranges = calibrator.Calibrator(tflite, num_threads=1, qsv_update_func=qsv_utils.min_max_update)
            ranges.calibrate({SIGNATURE: calibration}, recipe)
            measured = ranges.get_model_qsvs()
        work = quantizer.Quantizer(tflite, recipe.get_quantization_recipe())
        model = unpack(work.quantize(measured).quantized_model)
    _check_types(model, {"float16": "FLOAT16"}.get(kind, "INT8"))
    for tensor in model.subgraphs[0].tensors:  # names of fused operations: all their parts, 40 KB in a file
        tensor.name = tensor.name.strip(b";").rpartition(b";")[2]
    return pack(model)


def calibration_inputs(windows, samples):
    """Calibration windows `(n, samples)`, without the silent ones, as the inputs that `quantize` takes.

    Raises:
        InputError: none given, another shape, NaN, or too few that are not silent.
    """
    fix = f"give waveforms of the training part, (n, {samples}) float, at least {MIN_CALIBRATION} of them not silent"
    if windows is None:
        raise InputError(f"int8 needs calibration: {fix}. Received: None")
    windows = np.asarray(windows, np.float32)
    if windows.ndim != 2 or windows.shape[1] != samples:
        raise InputError(f"Calibration has the wrong shape: {fix}. Received: {windows.shape}")
    if not np.isfinite(windows).all():
        raise InputError(f"Calibration holds samples that are NaN or infinite: {fix}.")
    loud = windows[np.sqrt(np.mean(np.square(windows), axis=1)) > LEVEL_FLOOR]
    if len(loud) < MIN_CALIBRATION:
        raise InputError(f"Calibration is too small or silent: {fix}. Received: {len(loud)} of {len(windows)} sound")
    return [{"waveform": window[None]} for window in loud]


def _check_types(model, stored):
    """Every kernel is stored as it should be, and the front end computes in float: quantising goes by names."""
    from ai_edge_litert import schema_py_generated as schema

    types = {value: name for name, value in vars(schema.TensorType).items() if not name.startswith("_")}
    products = (schema.BuiltinOperator.BATCH_MATMUL, schema.BuiltinOperator.FULLY_CONNECTED)
    graph = model.subgraphs[0]
    makers = {int(op.outputs[0]): op for op in graph.operators}
    for op in graph.operators:
        code = model.operatorCodes[op.opcodeIndex].builtinCode
        name = graph.tensors[int(op.outputs[0])].name.decode()
        if code == schema.BuiltinOperator.CONV_2D:
            kernel = int(op.inputs[1])
            source = int(makers[kernel].inputs[0]) if kernel in makers else kernel  # behind a DEQUANTIZE in float16
            found, wanted = types[graph.tensors[source].type], "FLOAT16" if re.search(HEAD, name) else stored
        elif FRONT_END in name and code in products:
            found, wanted = types[graph.tensors[int(op.outputs[0])].type], "FLOAT32"
        else:
            continue
        if found != wanted:
            raise RuntimeError(f"Quantisation missed its target: {name} is {found}, not {wanted}.")


@contextlib.contextmanager
def _silence():
    """The quantizer prints its progress."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield
