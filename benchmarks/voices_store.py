"""Mel power and pitch of whole corpora, computed once and kept on disk; and the windows that a training draws."""

from pathlib import Path

import numpy as np
import pandas as pd
import tensorflow as tf

from emohrnet_tf.audio.files import load_audio
from emohrnet_tf.model.features import fourier_factors, power_spectrum
from emohrnet_tf.model.mel import mel_weights

LABELS = ["neutral", "calm", "happiness", "sadness", "anger", "fear", "disgust", "surprise"]
HOP, N_FFT, MELS = 256, 1024, 64
QUIET = 1e-9  # mel power below every recording's own noise: -100 dB full scale is about 1e-7
LOUD_NATS = 4.0  # a frame counts as speech by how far it lies above the mean power less this
LAGS = np.arange(32, 266)  # samples between two pulses of a voice: 60 to 500 Hz
MARGIN = 8  # frames kept before the first and after the last that is speech


def names_of(corpus, folder):
    """Index of a corpus by its file names: file, emotion, speaker."""
    files = sorted(Path(folder).rglob("*.flac")) or sorted(Path(folder).rglob("*.wav"))
    ravdess = dict(zip("12345678", LABELS[:2] + ["happiness", "sadness", "anger", "fear", "disgust", "surprise"]))
    emovo = dict(neu="neutral", dis="disgust", gio="happiness", pau="fear", rab="anger", sor="surprise", tri="sadness")
    asked = dict(calm="calm", happy="happiness", angry="anger", fearful="fear")
    rows = []
    for file in files:
        parts = file.stem.split("-")
        if corpus == "ravdess":
            emotion = ravdess[parts[2][-1]]
        elif corpus == "emovo":
            emotion = emovo[parts[0]]
        elif corpus == "nemo":
            emotion = file.stem.split("_")[1].replace("surprised", "surprise")
        else:
            emotion = asked[parts[2]]
        rows.append((str(file), emotion, f"{corpus}/{file.parent.name}"))
    return pd.DataFrame(rows, columns=["file", "emotion", "speaker"])


@tf.function(input_signature=[tf.TensorSpec((None,), tf.float32)])
def mel_power(waveform):
    """Mel power `(frames, 64)` of a waveform, by the package's own front end up to its logarithm."""
    pad = N_FFT - HOP
    waveform = tf.pad(waveform, [[pad // 2, pad - pad // 2 + (-tf.size(waveform)) % HOP]])
    power = power_spectrum(tf.signal.frame(waveform, N_FFT, HOP) * tf.signal.hann_window(N_FFT))
    bins, once = np.unique(fourier_factors(N_FFT)[-1], return_index=True)
    weights = np.zeros((power.shape[-1], MELS), "float32")
    weights[once] = mel_weights(MELS, N_FFT, 16000, 50.0, 8000.0)[bins]
    return tf.matmul(power, weights)


@tf.function(input_signature=[tf.TensorSpec((None,), tf.float32)])
def pitch(waveform):
    """`(frames, 2)`: octaves above 1 Hz of the voice, and how periodic it is, 0 to 1.

    The autocorrelation of a frame is the cosine transform of its power spectrum; what lies above 1.5 kHz is left out,
    and the window's own autocorrelation divided off.
    """
    pad = N_FFT - HOP
    waveform = tf.pad(waveform, [[pad // 2, pad - pad // 2 + (-tf.size(waveform)) % HOP]])
    power = tf.abs(tf.signal.rfft(tf.signal.frame(waveform, N_FFT, HOP) * tf.signal.hann_window(N_FFT)))[:, :96] ** 2
    cosine = np.cos(2 * np.pi / N_FFT * np.outer(np.arange(96), LAGS)) * np.where(np.arange(96), 2, 1)[:, None]
    window = np.fft.irfft(np.abs(np.fft.rfft(np.hanning(N_FFT), 2 * N_FFT)) ** 2)
    whole = tf.reduce_sum(power * np.where(np.arange(96), 2, 1).astype("float32"), axis=1, keepdims=True)
    likeness = tf.matmul(power, (cosine / window[LAGS] * window[0]).astype("float32")) / (whole + QUIET)
    likeness -= (0.0005 * np.arange(len(LAGS))).astype("float32")  # of two periods the shorter
    lag = tf.gather(LAGS.astype("float32"), tf.argmax(likeness, axis=1))
    octaves = tf.math.log(16000.0 / lag) / np.log(2.0).astype("float32")
    return tf.stack([octaves, tf.clip_by_value(tf.reduce_max(likeness, axis=1), 0.0, 1.0)], axis=1)


class Store:
    """Every frame of some corpora in one array, from a cache folder that is filled on first use.

    Attributes:
        index: clip, emotion, label, speaker, corpus of every clip, and start and frames of what of it is speech.
        log_power: float16 `(all frames, 66)`: 64 bands, then what `pitch` says.
    """

    def __init__(self, folders, cache, pool=1, trim=True):
        parts, logs, at = [], [], 0
        for corpus, folder in folders.items():
            file = Path(cache) / f"{corpus}.npz"
            if not file.exists():
                keep(corpus, folder, file)
            with np.load(file, allow_pickle=False) as kept:
                lengths, log_power = kept["frames"], kept["log_power"]
                index = pd.DataFrame({name: kept[name] for name in ("clip", "emotion", "speaker")})
            if pool > 1:
                lengths, log_power = pooled(lengths, log_power, pool)
            log_power = np.concatenate([log_power, heard(corpus, folder, file, pool)], axis=1)
            starts = np.cumsum(lengths) - lengths
            parts.append(index.assign(corpus=corpus, start=starts + at, frames=lengths))
            logs.append(log_power)
            at += len(log_power)
        self.index = pd.concat(parts, ignore_index=True)
        self.log_power = np.concatenate(logs)
        self.index["label"] = self.index["emotion"].map(LABELS.index)
        margin, spans = MARGIN // pool, []
        energy = np.exp(self.log_power[:, :MELS].astype("float32")).sum(axis=1)
        for start, frames in zip(self.index["start"], self.index["frames"]):
            own = energy[start : start + frames]
            places = np.flatnonzero(np.log(own + QUIET) > np.log(own.mean() + QUIET) - LOUD_NATS)
            first, last = max(places[0] - margin, 0), min(places[-1] + margin, frames - 1)
            spans.append((start + first, last + 1 - first) if trim else (start, frames))
        self.index["start"], self.index["frames"] = np.transpose(spans)

    def at(self, places):
        """What `log_power` holds of frames by number, `(..., 66)`; -1 is silence."""
        log_power = self.log_power[places]
        log_power[places < 0] = [np.log(QUIET)] * MELS + [7, 0]
        return log_power


def keep(corpus, folder, file):
    """Compute a corpus' mel power and write it."""
    index = names_of(corpus, folder)
    logs = [np.log(mel_power(load_audio(name)).numpy() + QUIET).astype("float16") for name in index["file"]]
    file.parent.mkdir(parents=True, exist_ok=True)
    columns = {name: index[name].to_numpy(str) for name in ("emotion", "speaker")}
    columns["clip"] = np.array([Path(name).stem for name in index["file"]])
    np.savez(file, log_power=np.concatenate(logs), frames=np.array([len(x) for x in logs]), **columns)


def heard(corpus, folder, file, pool):
    """Pitch of a corpus' frames, kept beside its mel power."""
    file = file.with_name(f"{corpus}_pitch.npz")
    if not file.exists():
        clips = [pitch(load_audio(name)).numpy().astype("float16") for name in names_of(corpus, folder)["file"]]
        np.savez(file, **{str(number): clip for number, clip in enumerate(clips)})
    with np.load(file) as kept:
        return np.concatenate([kept[str(number)][::pool] for number in range(len(kept.files))])


def pooled(lengths, log_power, pool):
    """Mean power of each `pool` frames, clip by clip: a longer hop."""
    power, ends, parts = np.exp(log_power.astype("float32")), np.cumsum(lengths), []
    for start, end in zip(ends - lengths, ends):
        rows = -(-(end - start) // pool)
        parts.append(np.add.reduceat(power[start:end], np.arange(rows) * pool, axis=0) / pool)
    return np.array([len(x) for x in parts]), np.log(np.concatenate(parts) + QUIET).astype("float16")


# --- A draw: which clips, which frames ---


class Draws:
    """Batches of a training: several clips each of some speakers, balanced over corpora and speakers."""

    def __init__(self, store, rows, settings, seed):
        self.store, self.s, self.random = store, settings, np.random.default_rng(seed)
        self.starts, self.lengths = store.index["start"].to_numpy(), store.index["frames"].to_numpy()
        self.clips, size = {}, []
        for corpus, clips in store.index.iloc[rows].groupby("corpus"):
            self.clips[corpus] = [own.index.to_numpy() for _, own in clips.groupby("speaker")]
            size.append(len(clips) ** settings["corpus_power"])
        self.corpora, self.bounds = list(self.clips), np.cumsum(size)[:-1] / np.sum(size)

    def batch(self):
        """`(log power (batch, frames, mels), clip numbers)`; the clips of one speaker lie together."""
        s, random, picked = self.s, self.random, []
        for _ in range(s["batch"] // s["together"]):
            speakers = self.clips[self.corpora[np.searchsorted(self.bounds, random.random())]]
            own = speakers[random.integers(len(speakers))]
            picked.append(random.choice(own, s["together"], replace=len(own) < s["together"]))
        picked, places = np.concatenate(picked), []
        for start, length in zip(self.starts[picked], self.lengths[picked]):
            tempo, where = np.exp(random.uniform(-1, 1) * s["tempo"]), random.random()
            places.append(window_places(start, length, s["frames"], tempo, where, random.random() < s["cut"]))
        return self.store.at(np.array(places)), picked


def window_places(start, length, frames, tempo, where, cut):
    """Frame numbers of a window, -1 where it lies outside the clip.

    A clip longer than the window is cut at a random place, a shorter one set at a random place; with `cut`, a random
    half to whole of the clip is used.
    """
    if cut:
        kept = max(int(length * (0.5 + 0.5 * where)), 16)
        start, length = start + int((length - kept) * (1 - where)), min(kept, length)
    warped = max(int(length / tempo), 1)
    offset = int(where * (abs(warped - frames) + 1))
    position = np.arange(frames) + (offset if warped >= frames else -offset)
    places = start + np.minimum((position * tempo).astype(int), length - 1)
    return np.where((position >= 0) & (position < warped), places, -1)
