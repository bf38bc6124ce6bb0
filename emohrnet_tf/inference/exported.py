"""A TFLite file as a model, run by LiteRT alone: nothing here needs TensorFlow or Keras."""

import io
import json
import os
import queue
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from emohrnet_tf.audio.windows import check_windows
from emohrnet_tf.config import Audio
from emohrnet_tf.errors import InputError, check_process
from emohrnet_tf.model.voice import reference

DIMENSIONS = ("valence", "arousal", "dominance")
LABELS, ABOUT = "labels.txt", "emohrnet.json"  # files in the zip tail of a .tflite


class TFLiteModel:
    """A `.tflite` file of `emohrnet export`; scores like an `EmoHRNet`.

    It answers every window that it is given, silence too: cut recordings by `silence.spoken_windows` to leave it out.

    Args:
        file: path, or the bytes themselves.
        threads: of one inference.

    Attributes:
        labels: names, in the order of the probabilities; none for a file of dimensions.
        scale: ends of the dimensions' scale, or None.
        samples, sample_rate: length and Hz of a window.
        filters: numbers of a reference and of the embedding; 0 for a file that has neither.
        about: all facts the file tells of itself.

    Raises:
        InputError: no such file, not a TFLite file, or one without our metadata.

    Example:
        model = TFLiteModel("emotion.tflite")
        heard = spoken_windows(load_audio("clip.wav"), model.samples, model.sample_rate)  # none where all is silence
        probabilities = model.score(heard).mean(axis=0)
    """

    def __init__(self, file, threads=1):
        from ai_edge_litert.interpreter import Interpreter

        if not isinstance(file, bytes | bytearray):
            if not Path(file).is_file():
                raise InputError(f"No such file: give a .tflite file made by `emohrnet export`. Received: {file}")
            file = Path(file).read_bytes()
        self.about = read_metadata(file)
        self.labels, self.sample_rate = self.about["labels"], self.about["sample_rate"]
        self.scale = self.about.get("scale")
        try:
            self.interpreter = Interpreter(model_content=bytes(file), num_threads=threads)
            self.interpreter.allocate_tensors()  # names its delegate on standard error, once in a process
            self._run = self.interpreter.get_signature_runner("serving_default")
        except (ValueError, RuntimeError) as error:
            raise InputError(f"The file cannot be run ({error}): export the model again.") from error
        self._process = os.getpid()
        taken = self._run.get_input_details()
        self.samples = int(taken["waveform"]["shape"][1])
        self.filters = int(taken["reference"]["shape"][1]) if "reference" in taken else 0

    def score(self, windows):
        """Probabilities of whole windows: float32 array `(n, classes)`, of windows as `answer_windows` takes them."""
        return self.answer_windows(windows)["probabilities"]

    @property
    def takes_reference(self):
        """Whether it can hear a voice relative to how it usually sounds."""
        return self.filters > 0

    def answer_windows(self, windows, batch_size=None, reference=None):
        """What the file says of whole windows.

        Args:
            windows: float array `(n, samples)`.
            batch_size: of no use here.
            reference: float array `(filters,)` or `(n, filters)`, of a file that takes one
                (`voice.reference`), a row of NaN for none; None for none at all.

        Returns:
            dictionary of float32 arrays: `probabilities` `(n, classes)`, or `dimensions` `(n, 3)`: valence, arousal,
            dominance, brought to -1..1 as `EmoHRNet.answer_windows` gives them; and of a file that takes references
            `embedding` `(n, filters)`.

        Raises:
            InputError: of `windows.check_windows`; a process forked since the file was opened.
        """
        check_process(self._process)
        windows = check_windows(windows, self.samples)
        scores = np.zeros((len(windows), len(self.labels) or len(DIMENSIONS)), np.float32)
        embeddings, given = [], [{}] * len(windows)
        if self.filters:
            usual = np.zeros(self.filters) if reference is None else np.asarray(reference, "float32")
            if usual.shape not in ((self.filters,), (len(windows), self.filters)) or np.isinf(usual).any():
                raise InputError(
                    f"A reference is ({self.filters},) numbers, or rows of them. Received: {usual.shape!r}"
                )
            rows = np.broadcast_to(np.nan_to_num(usual).astype("float32"), (len(windows), self.filters))
            given = [{"reference": row[None]} for row in rows]
        elif reference is not None:
            raise InputError(f"The file takes no reference: leave it out. Received: {np.shape(reference)!r}")
        for row, window, usual in zip(scores, windows, given):
            outputs = self._run(waveform=window[None], **usual)
            row[:] = outputs["probabilities"][0] if self.labels else [outputs[name][0, 0] for name in DIMENSIONS]
            if self.filters:
                embeddings.append(outputs["embedding"][0])
        if self.filters:
            return {"probabilities": scores, "embedding": np.array(embeddings, "float32").reshape(-1, self.filters)}
        if self.labels:
            return {"probabilities": scores}
        low, high = self.scale
        return {"dimensions": (2 * (scores - low) / (high - low) - 1).astype("float32")}

    def write_golden(self, path, windows):
        """Windows and this machine's probabilities as the `.npz` that `export/check_device.py --golden` reads."""
        np.savez_compressed(path, waveform=np.asarray(windows, np.float32), probabilities=self.score(windows))

    def delegate_partitions(self):
        """Pieces of the graph that XNNPACK runs; fewer is better, 1 is all of it."""
        return sum(op["op_name"] == "DELEGATE" for op in self.interpreter._get_ops_details())


class LiteRTScorer:
    """A TFLite file on every core: stands for an `EmoHRNet` of emotions where recordings are scored.

    Each thread has an interpreter of its own, made when there is first work for it: one clip needs one.

    Args:
        tflite: bytes of a float32 file of emotions with the facts of `exporter.litert.converted`; its probabilities
            are the model's to 1e-5.
        threads: interpreters that run at once; by default one for each core.

    Attributes:
        labels, samples, sample_rate, about: of `TFLiteModel`.
        audio: `config.Audio` of the model.
        tflite: the bytes themselves.
        fingerprint: of the model's weights (`ready.fingerprint`).

    Raises:
        InputError: of `TFLiteModel`; a file of dimensions, or one without those facts.

    Example:
        model = load_model("ravdess")
        predict_into("results.csv", LiteRTScorer(converted(model)), ["recordings/"])
    """

    def __init__(self, tflite, threads=None):
        first = TFLiteModel(tflite)
        try:
            self.audio, self.fingerprint = Audio.of(first.about["audio"]), first.about["fingerprint"]
        except KeyError as error:
            raise InputError(f"The file does not tell the model's {error}: export the model again.") from error
        if not first.labels:
            raise InputError("LiteRTScorer takes files of emotions. Received: one of dimensions")
        self.labels, self.samples, self.sample_rate = first.labels, first.samples, first.sample_rate
        self.about, self._filters = first.about, first.filters
        self.least_confidence = first.about.get("least_confidence")
        self.tflite, self._threads, self._free = tflite, threads or os.cpu_count() or 1, queue.SimpleQueue()
        self._free.put(first)
        self._process = os.getpid()
        self._pool = ThreadPoolExecutor(self._threads)

    @property
    def widths(self):
        """What `answer_windows` gives, and how many numbers each has."""
        return {"probabilities": len(self.labels)} | ({"embedding": self._filters} if self._filters else {})

    @property
    def takes_reference(self):
        """Whether it can hear a voice relative to how it usually sounds (`voice.reference`)."""
        return self._filters > 0

    def reference(self, recordings):
        """`voice.reference` of this file."""
        return reference(recordings, self)

    def score(self, windows):
        """Probabilities of whole windows: float32 array `(n, classes)`."""
        return self.answer_windows(windows)["probabilities"]

    def answer_windows(self, windows, batch_size=None, reference=None):
        """What the file says of whole windows `(n, samples)`, as `TFLiteModel.answer_windows`."""
        check_process(self._process)
        windows = check_windows(windows, self.samples)
        parts = np.array_split(windows, min(self._threads, max(1, len(windows))))
        rows = [reference] * len(parts)
        if np.ndim(reference) == 2:
            rows = np.array_split(np.asarray(reference), len(parts))
        answers = list(self._pool.map(self._answer, parts, rows))
        return {name: np.concatenate([part[name] for part in answers]) for name in answers[0]}

    def _answer(self, windows, reference):
        try:
            lite = self._free.get_nowait()  # an interpreter serves one thread at a time
        except queue.Empty:
            lite = TFLiteModel(self.tflite)
        try:
            return lite.answer_windows(windows, reference=reference)
        finally:
            self._free.put(lite)


def read_metadata(tflite):
    """The facts of `emohrnet.json` and `labels` of a file written by `add_metadata`.

    Args:
        tflite: bytes.

    Raises:
        InputError: bytes without that zip tail.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(tflite)) as tail:
            facts = json.loads(tail.read(ABOUT))
            labels = tail.read(LABELS).decode("utf-8").splitlines() if LABELS in tail.namelist() else []
            return facts | {"labels": labels}
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise InputError(
            "The file has no labels inside: export it again with `emohrnet export`, or take the .tflite file whole."
        ) from error
