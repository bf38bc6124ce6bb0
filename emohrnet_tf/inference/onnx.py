"""An ONNX file as a model, run by ONNX Runtime alone: nothing here needs TensorFlow or Keras."""

import json
import os
from pathlib import Path

import numpy as np

from emohrnet_tf.audio.windows import check_windows
from emohrnet_tf.errors import InputError, check_process


class OnnxModel:
    """An `.onnx` file of `emohrnet export`; scores like an `EmoHRNet`.

    Args:
        file: path, or the bytes themselves.
        threads: of one inference; None leaves it to ONNX Runtime.

    Attributes:
        labels: names, in the order of the probabilities; none for a file of dimensions.
        scale: ends of the dimensions' scale, or None.
        samples, sample_rate: length and Hz of a window.
        about: all facts the file tells of itself.

    Raises:
        InputError: no such file, not an ONNX file of ours, or ONNX Runtime is not installed.

    Example:
        model = OnnxModel("emotion.onnx")
        probabilities = model.score(windows(load_audio("clip.wav"), model.samples)).mean(axis=0)
    """

    def __init__(self, file, threads=None):
        try:
            import onnxruntime
        except ImportError as error:
            advice = "ONNX files are run by ONNX Runtime: pip install onnxruntime. Received: no module onnxruntime"
            raise InputError(advice) from error
        if not isinstance(file, bytes | bytearray):
            if not Path(file).is_file():
                raise InputError(f"No such file: give an .onnx file made by `emohrnet export`. Received: {file}")
            file = Path(file).read_bytes()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = threads or 0, 3
        try:
            self._session = onnxruntime.InferenceSession(bytes(file), options, providers=["CPUExecutionProvider"])
            self.about = json.loads(self._session.get_modelmeta().custom_metadata_map["emohrnet"])
        except Exception as error:  # its own classes, which share no parent
            reason = str(error).splitlines()[0][:200]
            raise InputError(f"The file is no ONNX file of `emohrnet export` ({reason}): export it again.") from error
        self.labels, self.scale = self.about["labels"], self.about["scale"]
        self.sample_rate, self.samples = self.about["sample_rate"], self.about["samples"]
        self._names, self._process = [output.name for output in self._session.get_outputs()], os.getpid()

    @property
    def widths(self):
        """What `answer_windows` gives, and how many numbers each has."""
        return {output.name: output.shape[-1] for output in self._session.get_outputs()}

    def score(self, windows):
        """Probabilities of whole windows: float32 array `(n, classes)`, of windows as `answer_windows` takes them."""
        return self.answer_windows(windows)["probabilities"]

    def answer_windows(self, windows, batch_size=32):
        """What the file says of whole windows `(n, samples)`, as `EmoHRNet.answer_windows` says it.

        Raises:
            InputError: of `windows.check_windows`; a process forked since the file was opened.
        """
        check_process(self._process)
        windows = check_windows(windows, self.samples)
        parts = np.split(windows, range(batch_size, len(windows), batch_size))
        rows = zip(*(self._session.run(self._names, {"waveform": part}) for part in parts))
        answers = {name: np.concatenate(values) for name, values in zip(self._names, rows)}
        if "dimensions" in answers:
            low, high = self.scale
            answers["dimensions"] = (2 * (answers["dimensions"] - low) / (high - low) - 1).astype("float32")
        return answers
