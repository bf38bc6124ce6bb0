"""The front end: windows of a waveform to what the network takes, as a function and as a Keras layer."""

import keras
import numpy as np
import tensorflow as tf

from emohrnet_tf.audio.windows import as_floats
from emohrnet_tf.config import Audio
from emohrnet_tf.errors import InputError
from emohrnet_tf.model import functionals as whole
from emohrnet_tf.model.features import STATISTICS, log_mel, mel_of, normalized, spectra
from emohrnet_tf.model.mel import mel_weights
from emohrnet_tf.model.relative import WIDTH


def front_end(waveform, *, functionals=False, gains=None, change=None, **settings):
    """What the network takes of whole windows.

    Args:
        waveform: of `features.log_mel`, `(..., samples)`.
        functionals: whether the network takes those, too.
        gains, **settings: of `features.log_mel`.
        change: for augmentation, a function of the log-mel to another, of which the functionals, too, are taken.

    Returns:
        log-mel `(..., samples / hop, mels, 1)`; with functionals a dictionary of `log_mel` and `functionals`
        `(..., relative.WIDTH)`.
    """
    change = change or (lambda x: x)
    if not functionals:
        return change(tf.expand_dims(log_mel(waveform, gains=gains, **settings), -1))
    how = {**Audio().front_end(), **settings}
    normalize, statistics = how.pop("normalize"), how.pop("statistics")
    power, shape = spectra(waveform, how["n_fft"], how["hop"])
    melody = tf.reshape(whole.pitch(power, how["n_fft"], how["sample_rate"]), [*shape, 2])
    power = mel_of(power, shape, gains, **{name: value for name, value in how.items() if name != "hop"})
    x, seconds = change(tf.expand_dims(normalized(power, normalize, statistics), -1)), how["hop"] / how["sample_rate"]
    return {"log_mel": x, "functionals": whole.functionals(x[..., 0], power, melody, seconds)}


@keras.saving.register_keras_serializable("emohrnet_tf")
class LogMelSpectrogram(keras.layers.Layer):
    """`front_end` as a stateless Keras layer, always in float32 and with builtin TFLite operations alone.

    Shapes: waveform `(batch, samples)` -> log-mel `(batch, samples / hop, mels, 1)`; with `functionals` the dictionary
    of `front_end`.

    Raises:
        InputError: of `log_mel`; `mel_max_hz` above half the sample rate, `hop` above `n_fft`, so many mels that a band
            is empty, or statistics that are not two times `mels` numbers.

    Example:
        >>> LogMelSpectrogram()(tf.zeros((1, 65536))).shape
        TensorShape([1, 256, 64, 1])
    """

    def __init__(
        self,
        sample_rate=16000,
        n_fft=1024,
        hop=256,
        mels=64,
        mel_min_hz=50.0,
        mel_max_hz=8000.0,
        normalize="window",
        statistics=None,
        functionals=False,
        **kwargs,
    ):
        kwargs["dtype"] = "float32"
        super().__init__(autocast=False, **kwargs)
        if not 0 < hop <= n_fft:
            raise InputError(f"hop must lie between 1 and n_fft ({n_fft}). Received: {hop!r}")
        if not 0 <= mel_min_hz < mel_max_hz <= sample_rate / 2:
            raise InputError(
                f"Mel limits must rise and end at or below half the sample rate ({sample_rate / 2:g} Hz). "
                f"Received: {(mel_min_hz, mel_max_hz)!r}"
            )
        if not mel_weights(mels, n_fft, sample_rate, mel_min_hz, mel_max_hz).any(axis=0).all():
            raise InputError(f"A mel band holds no FFT bin: use fewer mels or a longer n_fft. Received: {mels!r}")
        if normalize not in STATISTICS:
            raise InputError(f"normalize is one of {', '.join(STATISTICS)}. Received: {normalize!r}")
        if statistics is not None and np.shape(statistics) != (STATISTICS[normalize], mels):
            raise InputError(
                f"The statistics of {normalize!r} are {STATISTICS[normalize]} times {mels} numbers. "
                f"Received: {np.shape(statistics)!r}"
            )
        if functionals and normalize != "level":
            raise InputError(f"Functionals need normalize='level'. Received: {normalize!r}")
        self.sample_rate, self.n_fft, self.hop = sample_rate, n_fft, hop
        self.mels, self.mel_min_hz, self.mel_max_hz = mels, mel_min_hz, mel_max_hz
        self.normalize, self.statistics, self.functionals = normalize, statistics, functionals

    def settings(self):
        """Keyword arguments of `features.mel_power` that this layer stands for."""
        names = ("sample_rate", "n_fft", "hop", "mels", "mel_min_hz", "mel_max_hz")
        return {name: getattr(self, name) for name in names}

    def options(self):
        """Keyword arguments of `front_end` that this layer stands for."""
        names = ("normalize", "statistics", "functionals")
        return {**self.settings(), **{name: getattr(self, name) for name in names}}

    def __call__(self, waveform, **kwargs):
        if not keras.utils.is_keras_tensor(waveform) and not tf.is_tensor(waveform):
            waveform = as_floats(waveform, "give floats (batch, samples)")
        return super().__call__(waveform, **kwargs)

    def call(self, waveform):
        return front_end(waveform, **self.options())

    def compute_output_shape(self, input_shape):
        log_mel = (*input_shape[:-1], input_shape[-1] // self.hop, self.mels, 1)
        return {"log_mel": log_mel, "functionals": (*input_shape[:-1], WIDTH)} if self.functionals else log_mel

    def get_config(self):
        return {**super().get_config(), **self.options()}
