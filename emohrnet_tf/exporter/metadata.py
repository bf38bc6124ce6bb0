"""TFLite Metadata: what a file says of itself, in the form that MediaPipe Tasks and Android Studio read."""

import io
import json
import zipfile

import flatbuffers
import numpy as np

from emohrnet_tf import __version__
from emohrnet_tf.errors import InputError
from emohrnet_tf.inference.exported import ABOUT, LABELS
from emohrnet_tf.licence import UNKNOWN

BUFFER = "TFLITE_METADATA"
IDENTIFIER = b"M001"
PARSER = "1.3.0"  # the schema's first version with AudioProperties
AUDIO, TENSOR_AXIS_LABELS, DESCRIPTIONS = 4, 2, 1  # values of the schema's enumerations

# Fields of the tables of TensorFlow's metadata_schema.fbs that are written here: name -> (slot, kind).
MODEL = {
    "name": (0, "string"),
    "description": (1, "string"),
    "version": (2, "string"),
    "subgraph": (3, "tables"),
    "author": (4, "string"),
    "licence": (5, "string"),
    "files": (6, "tables"),
    "parser": (7, "string"),
}
SUBGRAPH = {"name": (0, "string"), "inputs": (2, "tables"), "outputs": (3, "tables")}
TENSOR = {
    "name": (0, "string"),
    "description": (1, "string"),
    "content": (3, "table"),
    "stats": (5, "table"),
    "files": (6, "tables"),
}
CONTENT = {"type": (0, "uint8"), "properties": (1, "table")}
AUDIO_PROPERTIES = {"sample_rate": (0, "uint32"), "channels": (1, "uint32")}
STATS = {"max": (0, "floats"), "min": (1, "floats")}
TOLD = {
    "reference": "Mean embedding of other recordings of the voice; zeros for none.",
    "embedding": "Of the window; a reference is the mean of those of a voice.",
}
FILE = {"name": (0, "string"), "description": (1, "string"), "type": (2, "int8")}


def add_metadata(
    tflite,
    labels,
    sample_rate,
    name="EmoHRNet",
    description="Emotion of speech, from raw audio.",
    version=__version__,
    author="emohrnet_tf",
    licence=UNKNOWN,
    about=None,
):
    """A TFLite file with metadata; what it already had is replaced.

    The metadata itself is a flatbuffer inside the model; `labels.txt` and `emohrnet.json` are packed uncompressed as
    a zip behind it, so that any zip program lists them.

    Args:
        tflite: bytes of a file with a float input of samples and an output `probabilities` `[1, classes]`, or others.
        labels: names, in the order of the probabilities; none for a file without, which is no classifier.
        sample_rate: Hz of the input, which has one channel.
        name, description, version, author: strings for readers.
        licence: of the weights (`model.licence`); the code's is another.
        about: more JSON-ready facts for `emohrnet.json`, which also holds name, version, sample rate and licence.

    Returns:
        bytes.

    Raises:
        InputError: bytes that are no TFLite file, or labels that do not fit its output or a text file.
    """
    from ai_edge_litert import schema_py_generated as schema

    model = unpack(tflite)
    outputs = [model.subgraphs[0].tensors[index] for index in model.subgraphs[0].outputs]
    names = [_names(model, side) for side in ("inputs", "outputs")]
    classes = next((int(x.shape[-1]) for x, name in zip(outputs, names[1]) if name == "probabilities"), 0)
    if len(labels) != classes or any(not label or label != "".join(label.split("\n")) for label in labels):
        raise InputError(f"The file needs {classes} labels of one line each. Received: {list(labels)!r}")
    facts = {"name": name, "version": version, "sample_rate": sample_rate, "channels": 1}
    facts["licence"] = licence
    content = flatbuffer(facts | {"description": description, "author": author}, *names, classes)

    entry = next((entry for entry in model.metadata or [] if entry.name == BUFFER.encode()), None)
    if entry is None:
        entry = schema.MetadataT(name=BUFFER, buffer=len(model.buffers))
        model.metadata = [*(model.metadata or []), entry]
        model.buffers.append(schema.BufferT())
    model.buffers[entry.buffer].data = np.frombuffer(content, np.uint8)
    packed = io.BytesIO(pack(model))
    with zipfile.ZipFile(packed, "a") as tail:
        texts = {LABELS: "\n".join(labels) + "\n"} if labels else {}
        for file, text in (texts | {ABOUT: json.dumps(facts | (about or {}), indent=2)}).items():
            tail.writestr(zipfile.ZipInfo(file), text)  # a fixed date: the same model gives the same bytes
    return packed.getvalue()


def _names(model, side):
    """Names of the `inputs` or `outputs` in the file's own order, which is not the signature's."""
    known = getattr(model.signatureDefs[0], side) if model.signatureDefs else []
    named = {int(tensor.tensorIndex): tensor.name.decode() for tensor in known}
    alone = {"inputs": "waveform", "outputs": "probabilities"}[side]
    return [named.get(int(index), alone) for index in getattr(model.subgraphs[0], side)]


def flatbuffer(facts, inputs, outputs, classes):
    """The ModelMetadata flatbuffer of a file, by the names of its inputs and outputs; `probabilities` have classes."""
    builder = flatbuffers.Builder(1024)
    properties = _table(builder, AUDIO_PROPERTIES, sample_rate=facts["sample_rate"], channels=facts["channels"])
    waveform = _table(
        builder,
        TENSOR,
        name="waveform",
        description="Samples in -1..1, one window.",
        content=_table(builder, CONTENT, type=AUDIO, properties=properties),
    )

    def output(name):
        if name != "probabilities":
            return _table(builder, TENSOR, name=name, description=TOLD.get(name, "On the scale of the labels."))
        return _table(
            builder,
            TENSOR,
            name=name,
            description="Probability of each label.",
            stats=_table(builder, STATS, max=[1.0] * classes, min=[0.0] * classes),
            files=[_table(builder, FILE, name=LABELS, description="Labels, one a line.", type=TENSOR_AXIS_LABELS)],
        )

    taken = [
        waveform if name == "waveform" else _table(builder, TENSOR, name=name, description=TOLD[name])
        for name in inputs
    ]
    given = [output(name) for name in outputs]
    root = _table(
        builder,
        MODEL,
        **{key: facts[key] for key in ("name", "description", "version", "author", "licence")},
        subgraph=[_table(builder, SUBGRAPH, name="main", inputs=taken, outputs=given)],
        files=[_table(builder, FILE, name=ABOUT, description="Facts in JSON.", type=DESCRIPTIONS)],
        parser=PARSER,
    )
    builder.Finish(root, IDENTIFIER)
    return bytes(builder.Output())


def _table(builder, fields, **values):
    """Write one table; a flatbuffer wants everything it points to written before it."""
    written = {}
    for name, value in values.items():
        kind = fields[name][1]
        if kind == "string":
            value = builder.CreateString(value)
        elif kind == "floats":
            value = builder.CreateNumpyVector(np.asarray(value, np.float32))
        elif kind == "tables":
            builder.StartVector(4, len(value), 4)
            for offset in reversed(value):
                builder.PrependUOffsetTRelative(offset)
            value = builder.EndVector()
        written[name] = value
    builder.StartObject(1 + max(slot for slot, _ in fields.values()))
    for name, value in written.items():
        slot, kind = fields[name]
        if kind in ("uint8", "int8", "uint32"):
            add = {"uint8": builder.PrependUint8Slot, "int8": builder.PrependInt8Slot}
            add.get(kind, builder.PrependUint32Slot)(slot, value, 0)
        else:
            builder.PrependUOffsetTRelativeSlot(slot, value, 0)
    return builder.EndObject()


def unpack(tflite):
    """Bytes -> the schema's ModelT, with the weights that a quantizer put behind the flatbuffer brought inside.

    Raises:
        InputError: not a TFLite file.
    """
    from ai_edge_litert import schema_py_generated as schema

    if bytes(tflite[4:8]) != b"TFL3":
        raise InputError(f"Not a TFLite file: give one made by `emohrnet export`. Received: {bytes(tflite[:8])!r}")
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(tflite, 0))
    for buffer in model.buffers:
        if buffer.offset > 1:
            buffer.data = np.frombuffer(tflite, np.uint8, buffer.size, buffer.offset)
            buffer.offset = buffer.size = 0
    return model


def pack(model):
    """ModelT -> bytes, weights at multiples of 16."""
    builder = _AlignedBuilder(1 << 20)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


class _AlignedBuilder(flatbuffers.Builder):
    """Byte vectors at multiples of 16, as TFLite's schema asks for weights and the Python writer forgets."""

    def StartVector(self, elemSize, numElems, alignment):
        return super().StartVector(elemSize, numElems, 16 if elemSize == 1 else alignment)
