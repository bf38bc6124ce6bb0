"""An EmoHRNet as a SavedModel for TF Serving: waveforms or WAV bytes in, probabilities out, rows that stand alone."""

import dataclasses
import functools
import os
import tempfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from emohrnet_tf.audio.silence import SILENCE, graph_spoken
from emohrnet_tf.errors import InputError
from emohrnet_tf.exporter.wav import decode_wavs
from emohrnet_tf.files import write_json
from emohrnet_tf.model.emohrnet import EmoHRNet
from emohrnet_tf.model.sphere import DIMENSIONS

WINDOWS = 32  # scored at once: an hour of speech takes no more memory in the network than a minute
SIGNATURES = ("serving_default", "padded", "wav")
NO_SAMPLES = "empty: holds no samples; send at least one"
NOT_FINITE = "holds samples that are NaN or infinite; send it without them"
NOTHING_SAID = "silence: no emotion, valence, arousal or dominance is in it"  # where there is no label to say it


def write_saved_model(model, folder, warmup=True):
    """Write a model as a SavedModel; versions, and leaving nothing half-written, are the caller's.

    Signatures, each -> `probabilities` `[batch, classes]` and `embedding` `[batch, filters]` float32, `label` and
    `error` string `[batch]`; of a model with dimensions also `valence`, `arousal`, `dominance` float32 `[batch]`, on
    the scale of its labels, and of one without emotions no `probabilities` and `label`:

    - `serving_default`: `waveform` float32 `[batch, samples]`, at the model's rate and of any length.
    - `padded`: the same and `length` int32 `[batch]`; what lies beyond a row's length is not looked at.
    - `wav`: `wav` string `[batch]`, the bytes of one WAV file each (see `wav.decode_wavs`).
    - `reference`, of a model of `network.reference`: `waveform` as for `serving_default`, and `reference` float32
      `[batch, filters]`, zeros for none: the mean `embedding` of other recordings of the row's voice.

    Silent windows have no vote; a row of silence has the label "silence" and zeros as everything else (in a model
    without labels its `error` says so). No row sees another. A row with a fault (no samples, NaN, not a WAV, an
    unsupported encoding, cut short) has it in `error`, zeros as everything else, and an empty `label`; only a wrong
    rank, type or number of lengths fails the call. Core TensorFlow operations alone; labels.txt and settings.json are
    in assets, licence.txt, of the weights, in assets.extra.

    Args:
        model: `EmoHRNet`.
        folder: made if need be; must be empty.
        warmup: also write assets.extra/tf_serving_warmup_requests.

    Returns:
        dictionary of `signatures` (names), `bytes` and `warmup_requests` (how many).

    Raises:
        InputError: not an EmoHRNet; a folder that is not empty or cannot be written.

    Example:
        write_saved_model(load_model("runs/first"), "export/saved_model/1")
    """
    if not isinstance(model, EmoHRNet):
        raise InputError(f"Only an EmoHRNet becomes a SavedModel. Received: {type(model).__name__}")
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made ({error.strerror}); give another folder.") from error
    if any(folder.iterdir()):
        raise InputError(f"A SavedModel needs an empty folder: give another one. Received: {folder}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"{folder}: cannot be written; check its permissions or give another folder.")
    server, module = Server(model), tf.Module()
    # Only what is needed: a Keras model among the attributes would bring its own functions along, twice the size.
    module.weights = [variable.value for variable in model.variables]
    with tempfile.TemporaryDirectory() as scratch:
        module.assets = [tf.saved_model.Asset(str(path)) for path in _write_assets(model, Path(scratch))]
        tf.saved_model.save(module, str(folder), signatures={name: getattr(server, name) for name in server.names})
    extra = folder / "assets.extra"
    extra.mkdir()
    (extra / "licence.txt").write_text(f"{model.licence}\n", encoding="utf-8")
    count = _write_warmup(model, folder) if warmup else 0
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return {"signatures": server.names, "bytes": size, "warmup_requests": count}


class Server:
    """The signatures of a model, as tf.functions of the same names."""

    def __init__(self, model):
        graph = functools.partial(tf.function, autograph=False)
        self._model, self._rate, self._samples = model, model.audio.sample_rate, model.audio.samples
        waveform = tf.TensorSpec((None, None), tf.float32, name="waveform")
        vector = {kind: tf.TensorSpec((None,), kind) for kind in (tf.float32, tf.int32, tf.string)}
        rows = [vector[tf.float32], vector[tf.int32], vector[tf.int32], vector[tf.string]]
        length, wav = (tf.TensorSpec((None,), kind, name) for kind, name in ((tf.int32, "length"), (tf.string, "wav")))
        self._filters = model.widths["embedding"] if model.takes_reference else 0
        rows += [tf.TensorSpec((None, self._filters), tf.float32)] if self._filters else []
        self.classify = graph(self._classify, input_signature=rows)  # traced once: the network is in the file once
        self.serving_default = graph(self._serving_default, input_signature=[waveform])
        self.padded = graph(self._padded, input_signature=[waveform, length])
        self.wav = graph(self._wav, input_signature=[wav])
        self.names = list(SIGNATURES)
        if self._filters:
            reference = tf.TensorSpec((None, self._filters), tf.float32, name="reference")
            self.reference = graph(self._reference, input_signature=[waveform, reference])
            self.names.append("reference")

    def _reference(self, waveform, reference):
        one_each = tf.debugging.assert_equal(
            tf.shape(reference)[0], tf.shape(waveform)[0], message="reference: one row for each waveform"
        )
        with tf.control_dependencies([one_each]):
            return self._serving_default(waveform, tf.identity(reference))

    def _serving_default(self, waveform, reference=None):
        waveform = tf.ensure_shape(waveform, (None, None))  # the server itself checks no rank
        batch, width = tf.unstack(tf.shape(waveform))
        faults = tf.fill(tf.expand_dims(batch, 0), tf.where(width > 0, "", NO_SAMPLES))
        return self._waveforms(waveform, tf.fill(tf.expand_dims(batch, 0), width), faults, reference)

    def _padded(self, waveform, length):
        waveform, length = tf.ensure_shape(waveform, (None, None)), tf.ensure_shape(length, (None,))
        batch, width = tf.unstack(tf.shape(waveform))
        one_each = tf.debugging.assert_equal(tf.size(length), batch, message="padded: one length for each waveform")
        with tf.control_dependencies([one_each]):
            length = tf.identity(length)
        outside = tf.strings.join(["length must lie between 1 and ", tf.as_string(width), ", the padded one"])
        faults = tf.where((length < 0) | (length > width), outside, tf.where(length == 0, NO_SAMPLES, ""))
        return self._waveforms(waveform, tf.clip_by_value(length, 0, width), faults)

    def _wav(self, wav):
        samples, lengths, faults = decode_wavs(tf.ensure_shape(wav, (None,)), self._rate)
        return self._classified(samples, tf.cumsum(lengths, exclusive=True), lengths, faults)

    def _waveforms(self, waveform, lengths, faults, reference=None):
        batch, width = tf.unstack(tf.shape(waveform))
        finite = tf.math.is_finite(waveform) | (tf.range(width) >= lengths[:, None])
        faults = tf.where((faults == "") & ~tf.reduce_all(finite, axis=1), NOT_FINITE, faults)
        return self._classified(tf.reshape(waveform, [-1]), tf.range(batch) * width, lengths, faults, reference)

    def _classified(self, samples, starts, lengths, faults, reference=None):
        if not self._filters:
            return self.classify(samples, starts, lengths, faults)
        none = tf.zeros((tf.size(lengths), self._filters))
        return self.classify(samples, starts, lengths, faults, none if reference is None else reference)

    def _classify(self, samples, starts, lengths, faults, references=None):
        """Mean over each row's windows (`windows.window_starts`) that are not silent (`silence.graph_spoken`).

        `WINDOWS` are scored at a time, whatever row they belong to.

        Args:
            samples: float32, all waveforms in one vector; row r is `samples[starts[r] : starts[r] + lengths[r]]`.
            starts, lengths: int32 `(batch,)`.
            faults: string `(batch,)`; rows that have one are left out.
            references: float32 `(batch, filters)`, of a model that takes them.
        """
        size, hop, batch = self._samples, max(1, self._samples // 2), tf.size(lengths)
        last = tf.maximum(lengths - size, 0)
        counts = tf.where(faults == "", (last + hop - 1) // hop + 1, 0)
        rows = tf.repeat(tf.range(batch), counts)  # row of every window
        number = tf.range(tf.size(rows)) - tf.gather(tf.cumsum(counts, exclusive=True), rows)  # within its row
        firsts = tf.minimum(number * hop, tf.gather(last, rows))
        votes = self._votes(samples, starts, lengths, counts)
        rows, firsts = tf.boolean_mask(rows, votes), tf.boolean_mask(firsts, votes)
        counts = tf.math.unsorted_segment_sum(tf.ones_like(rows), rows, batch)
        silent = (faults == "") & (counts == 0)

        def step(begin, sums):
            row = rows[begin : begin + WINDOWS]
            position = firsts[begin : begin + WINDOWS, None] + tf.range(size)
            inside = position < tf.gather(lengths, row)[:, None]
            index = tf.where(inside, tf.gather(starts, row)[:, None] + position, 0)
            own = None if references is None else tf.gather(references, row)
            outputs = self._model.call_windows(tf.where(inside, tf.gather(samples, index), 0.0), own)
            return begin + WINDOWS, {
                name: total + tf.math.unsorted_segment_sum(outputs[name], row, batch) for name, total in sums.items()
            }

        labels, sphere = self._model.labels, self._model.sphere
        widths = {"embedding": self._model.inner.output["embedding"].shape[-1]}
        widths |= {"probabilities": len(labels)} if labels else {}
        widths |= {"dimensions": len(DIMENSIONS)} if sphere is not None else {}
        state = (0, {name: tf.zeros((batch, width)) for name, width in widths.items()})
        shapes = (tf.TensorShape(()), {name: tf.TensorShape((None, width)) for name, width in widths.items()})
        _, sums = tf.while_loop(lambda begin, _: begin < tf.size(rows), step, state, shapes, parallel_iterations=1)
        divisor = tf.cast(tf.maximum(counts, 1), tf.float32)[:, None]
        answers = {name: total / divisor for name, total in sums.items()} | {"error": faults}
        if labels:
            label = tf.gather(tf.constant(labels), tf.argmax(answers["probabilities"], axis=1))
            answers["label"] = tf.where(faults != "", "", tf.where(silent, SILENCE, label))
        else:
            answers["error"] = faults = tf.where(silent, NOTHING_SAID, faults)
        if sphere is not None:
            values = sphere.named(answers.pop("dimensions"))
            answers |= {name: tf.where((faults == "") & ~silent, value[:, 0], 0.0) for name, value in values.items()}
        return answers

    def _votes(self, samples, starts, lengths, counts):
        """Whether each window of every row has a vote, in the order of rows: bool `(windows,)`."""
        batch = tf.size(lengths)
        store = tf.TensorArray(tf.bool, batch, element_shape=(None,), infer_shape=False)

        def step(row, store):
            cut = lambda: samples[starts[row] : starts[row] + lengths[row]]  # noqa: E731
            voted = lambda: graph_spoken(cut(), self._samples, self._rate)  # noqa: E731
            return row + 1, store.write(row, tf.cond(counts[row] > 0, voted, lambda: tf.zeros((0,), tf.bool)))

        _, store = tf.while_loop(lambda row, _: row < batch, step, (0, store), parallel_iterations=1)
        return tf.cond(batch > 0, store.concat, lambda: tf.zeros((0,), tf.bool))


def _write_assets(model, folder):
    labels, settings = folder / "labels.txt", folder / "settings.json"
    labels.write_text("".join(f"{label}\n" for label in model.labels), encoding="utf-8")
    facts = {
        "labels": model.labels,
        "licence": model.licence,
        "trained_on": list(model.trained_on),
        "audio": {**dataclasses.asdict(model.audio), "samples": model.audio.samples},
        "network": dataclasses.asdict(model.settings),
        "vad_scale": None if model.sphere is None else [model.sphere.low, model.sphere.high],
        "windows": "shorter: zeros at the end; longer: half-window hops, the last flush with the end, mean of all that "
        "are not silent",
        "versions": {"tensorflow": tf.__version__, "keras": keras.__version__},
    }
    write_json(settings, facts)
    return labels, settings


def _write_warmup(model, folder):
    """Warm-up requests, one or two for every signature, as TF Serving's PredictionLogs: how many."""
    rate = model.audio.sample_rate
    noise = np.random.default_rng(0).normal(0, 0.05, (2, rate)).astype(np.float32)  # a second, twice
    wavs = [tf.audio.encode_wav(tf.transpose(noise[:channels]), hz).numpy() for channels, hz in ((1, rate), (2, 44100))]
    requests = [
        ("serving_default", {"waveform": noise[:1]}),
        ("serving_default", {"waveform": np.tile(noise[:1], (1, 2 * model.audio.samples // rate + 1))}),
        ("padded", {"waveform": noise, "length": np.array([rate, rate // 2], np.int32)}),
        ("wav", {"wav": np.array(wavs, object)}),
    ]
    if model.takes_reference:
        none = np.zeros((1, model.widths["embedding"]), np.float32)
        requests.append(("reference", {"waveform": noise[:1], "reference": none}))
    path = folder / "assets.extra" / "tf_serving_warmup_requests"
    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature, inputs in requests:
            writer.write(_predict_log(signature, inputs))
    return len(requests)


def _predict_log(signature, inputs):
    """Bytes of a PredictionLog of TF Serving (prediction_log.proto, predict.proto, model.proto), whose few fields are
    written here so that an export needs no package of its own for them.
    """
    spec = _field(3, signature.encode())  # ModelSpec.signature_name
    request = _field(1, spec)  # PredictRequest.model_spec
    for name, value in inputs.items():  # .inputs, a map of name and TensorProto
        request += _field(2, _field(1, name.encode()) + _field(2, tf.make_tensor_proto(value).SerializeToString()))
    return _field(6, _field(1, request))  # PredictionLog.predict_log, PredictLog.request


def _field(number, content):
    """A field of bytes in protocol buffers' wire format; numbers below 16."""
    size, length = len(content), b""
    while size > 127:
        length, size = length + bytes([size & 127 | 128]), size >> 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + content
