"""Where a model breaks: its accuracy on the same clips as noise, rooms, telephones and codecs would bring them."""

import functools
import io
from pathlib import Path

import numpy as np
import soundfile
import soxr

from emohrnet_tf.data.leakage import named
from emohrnet_tf.errors import InputError
from emohrnet_tf.evaluation.metrics import classification_report
from emohrnet_tf.evaluation.on_index import answer_index, known_clips, unseen
from emohrnet_tf.model.saved import load_model
from emohrnet_tf.provenance import provenance


def robustness(model, index, part="test", conditions=None, seed=0, say=None):
    """Measure a model on an index under each condition of `CONDITIONS`.

    Silent windows have a vote here, so that every condition is of the same windows.

    Args:
        model: path or name of a model.
        index: DataFrame with `file` and `emotion`.
        part: "test" leaves out the clips that the model was trained on or chosen by, "all" keeps them.
        conditions: names from `CONDITIONS`, or None for all; "clean" is always measured.
        seed: of the noise and the rooms, which differ from clip to clip.
        say: called with a line after each condition.

    Returns:
        JSON-ready dict: `rows`, one for each condition with `condition`, `uar`, `war`, `same_label` (share of clips
        whose label is that of the clean clip); `clips`, `part`, `left_out` (None: not known what the model
        has heard), `model` and what the result was made by.

    Raises:
        InputError: an unknown condition, no clip left, a label that the model does not know, or a model without
            emotions.
    """
    conditions = list(CONDITIONS) if conditions is None else list(conditions)
    if unknown := sorted(set(conditions) - set(CONDITIONS)):
        raise InputError(f"Unknown condition: choose from {', '.join(CONDITIONS)}. Received: {', '.join(unknown)}")
    index, left_out = unseen(model, named(index), part)
    name, model = Path(model).name, load_model(model)
    if not model.labels:
        raise InputError(f"The model names no emotions, which are what is measured here. Received: {name}")
    clips = known_clips(model, index[index.emotion.notna()])
    rows, clean = [], None
    for condition in ["clean", *(name for name in conditions if name != "clean")]:

        def change(waveform, number, alter=CONDITIONS[condition]):
            return alter(waveform, model.audio.sample_rate, np.random.default_rng([seed, number]))

        labels, answers = answer_index(model, clips, change=change, silence=False)
        probabilities, true = answers["probabilities"], clips.index.emotion.tolist()
        report, best = classification_report(labels, true, probabilities, bootstrap=0), probabilities.argmax(axis=1)
        clean = best if clean is None else clean
        rows.append({"condition": condition, "uar": report["uar"], "war": report["war"]})
        rows[-1]["same_label"] = float((best == clean).mean())
        if say:
            say(f"{condition}: UAR {100 * report['uar']:.1f} %")
    result = {"rows": rows, "clips": len(true), "part": part, "left_out": left_out, "model": name, "seed": seed}
    return result | {"failed": clips.failed.to_dict("records"), **provenance()}


# --- Conditions: (waveform, sample_rate, random) -> waveform ---


def noise(waveform, sample_rate, random, snr_db):
    """White noise, `snr_db` below the level of the whole clip."""
    return waveform + _rms(waveform) * 10 ** (-snr_db / 20) * random.standard_normal(len(waveform))


def offset(waveform, sample_rate, random, size):
    """A constant beside the sound, as cheap converters add it."""
    return waveform + size


def hum(waveform, sample_rate, random, snr_db):
    """Mains hum of 50 or 60 Hz with harmonics, `snr_db` below the level of the whole clip."""
    turns = random.choice([50.0, 60.0]) * np.arange(len(waveform)) / sample_rate
    tone = sum(np.sin(2 * np.pi * (k * turns + random.random())) / k for k in (1, 2, 3, 4, 5))
    return waveform + _rms(waveform) * 10 ** (-snr_db / 20) / max(_rms(tone), 1e-12) * tone


def rumble(waveform, sample_rate, random, snr_db):
    """What wind and handling bring: noise whose power falls with the square of the frequency, from 10 Hz on."""
    hz = np.fft.rfftfreq(max(len(waveform), 2), 1 / sample_rate)
    spectrum = np.fft.rfft(random.standard_normal(max(len(waveform), 2))) / np.maximum(hz, 10.0) * (hz > 0)
    noise = np.fft.irfft(spectrum, max(len(waveform), 2))[: len(waveform)]
    return waveform + _rms(waveform) * 10 ** (-snr_db / 20) / max(_rms(noise), 1e-12) * noise


def room(waveform, sample_rate, random, seconds):
    """Reverberation: a direct sound, then as loud a noise that falls by 60 dB in `seconds`."""
    from scipy.signal import fftconvolve

    time = np.arange(int(seconds * sample_rate)) / sample_rate
    tail = random.standard_normal(len(time)) * 10 ** (-3 * time / seconds)
    tail[: int(0.005 * sample_rate)] = 0.0  # the first reflection comes 5 ms after the direct sound
    response = tail / np.sqrt(np.sum(tail**2))
    response[0] = 1.0
    return fftconvolve(waveform, response)[: len(waveform)]


def telephone(waveform, sample_rate, random):
    """The telephone band, 300 to 3400 Hz, sampled at 8 kHz."""
    from scipy.signal import butter, sosfiltfilt

    band = butter(4, (300, 3400), "bandpass", fs=sample_rate, output="sos")
    narrow = soxr.resample(sosfiltfilt(band, waveform), sample_rate, 8000)
    return soxr.resample(narrow, 8000, sample_rate)


def gain(waveform, sample_rate, random, decibels):
    """Louder or quieter; above full scale it clips, as a recorder would."""
    return np.clip(waveform * 10 ** (decibels / 20), -1.0, 1.0)


def clipping(waveform, sample_rate, random, share):
    """The loudest `share` of the samples are cut to one level."""
    limit = np.quantile(np.abs(waveform), 1 - share)
    return np.clip(waveform, -limit, limit)


def mp3(waveform, sample_rate, random, level):
    """Through MP3 and back; `level` is libsndfile's compression, 0 (best) to 1 (smallest)."""
    file = io.BytesIO()
    peak = max(1.0, float(np.abs(waveform).max(initial=0.0)))
    soundfile.write(file, waveform / peak, sample_rate, format="MP3", compression_level=level)
    file.seek(0)
    return soundfile.read(file, dtype="float32")[0] * peak


CONDITIONS = {
    "clean": lambda waveform, sample_rate, random: waveform,
    **{f"noise {snr} dB": functools.partial(noise, snr_db=snr) for snr in (20, 10, 5, 0)},
    "offset 2 %": functools.partial(offset, size=0.02),
    "hum 20 dB": functools.partial(hum, snr_db=20),
    "rumble 10 dB": functools.partial(rumble, snr_db=10),
    **{f"room {seconds} s": functools.partial(room, seconds=seconds) for seconds in (0.3, 0.8)},
    "telephone": telephone,
    **{f"gain {decibels:+} dB": functools.partial(gain, decibels=decibels) for decibels in (-30, -20, -10, 10)},
    **{f"clipped {share:.0%}": functools.partial(clipping, share=share) for share in (0.01, 0.1)},
    "MP3, small": functools.partial(mp3, level=0.9),
}


def _rms(waveform):
    return float(np.sqrt(np.mean(np.square(waveform)))) if len(waveform) else 0.0
