"""Mel power of whole corpora, kept on disk; windows of it, recorded anew, taken relative to a reference.

All that a microphone, a room or a telephone does to a voice is done here to its mel power `(..., frames, 64)`, which
costs a hundredth of doing it to the waveform. What the network sees is `log(floor + power / reference) / spread`, and a
reference is the spectrum of ordinary speech: the speaker's own, or the window's.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import tensorflow as tf

from emohrnet_tf.audio import load_audio
from emohrnet_tf.features import fourier_factors, mel_weights, power_spectrum

LABELS = ["neutral", "calm", "happiness", "sadness", "anger", "fear", "disgust", "surprise"]
HOP, N_FFT, MELS = 256, 1024, 64
QUIET = 1e-9  # mel power below every recording's own noise: -100 dB full scale is about 1e-7
LOUD_NATS = 4.0  # a frame counts as speech by how far it lies above the mean power less this
LAGS = np.arange(32, 266)  # samples between two pulses of a voice: 60 to 500 Hz
MARGIN = 8  # frames kept before the first and after the last that is speech
WOBBLE = np.exp(0.6 * np.random.default_rng(0).standard_normal((4096, MELS))).astype("float32")  # noise's power


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


# --- Recorded anew: changes of mel power ---


def curve(numbers):
    """`(batch, 1, mels)`: numbers `(batch, 1, knots)` joined by straight lines over the bands."""
    knots = numbers.shape[-1]
    distance = np.abs(np.linspace(0, knots - 1, MELS) - np.arange(knots)[:, None])
    return tf.matmul(numbers, np.maximum(0, 1 - distance).astype("float32"))


def centers_hz():
    mel = np.linspace(2595 * np.log10(1 + 50 / 700), 2595 * np.log10(1 + 8000 / 700), MELS + 2)[1:-1]
    return (700 * (10 ** (mel / 2595) - 1)).astype("float32")


def record(power, s):
    """Another microphone, room, noise and line for each speaker of `(batch, frames, mels)`, the same for all his clips.

    Args:
        power: float32 mel power; each `s["together"]` examples are one speaker's.
        s: settings: shares and strengths of each change; a share of 0 leaves it out.
    """
    batch, frames, hz = power.shape[0], power.shape[1], centers_hz()

    def between(low, high, size=1):
        drawn = tf.random.uniform((batch // s["together"], 1, size), low, high)
        return tf.repeat(drawn, s["together"], axis=0)

    chance = lambda share: between(0.0, 1.0) < share  # noqa: E731
    if s["vocal_tract"]:
        source = np.arange(MELS, dtype="float32") * tf.exp(between(-s["vocal_tract"], s["vocal_tract"]))[..., 0]
        weights = tf.nn.relu(1 - tf.abs(tf.minimum(source, MELS - 1.0)[:, :, None] - np.arange(MELS, dtype="float32")))
        power = tf.matmul(power, weights, transpose_b=True)
    if s["room"]:
        seconds = tf.exp(between(np.log(0.1), np.log(s["room_seconds"])))
        step = s["pool"] * HOP / 16000
        decay = tf.exp(-13.8 * step / seconds)  # of power, a frame: 60 dB in `seconds`
        tail, lag = power * (1 - decay), 1
        while lag < min(frames, 64):  # each round doubles how far back the tail reaches
            tail += decay ** float(lag) * tf.pad(tail[:, :-lag], [[0, 0], [lag, 0], [0, 0]])
            lag *= 2
        wet = tf.where(chance(s["room"]), between(0.0, s["room_wet"]), 0.0)
        power += wet * (tail - power)
    if s["equalizer"]:
        power *= tf.exp(curve(between(-0.23, 0.23, 7)) * s["equalizer"] + between(-0.35, 0.35) * s["tilt"] * np.log(hz / 1000))
    level = tf.reduce_mean(power, axis=(1, 2), keepdims=True)
    if s["babble"]:
        other = tf.roll(power, s["together"], axis=0)
        other *= level / (tf.reduce_mean(other, axis=(1, 2), keepdims=True) + QUIET)
        db = tf.where(chance(s["babble"]), between(s["babble_db"], 30.0), 200.0)
        power += other * tf.exp(-0.23 * db)
    if s["noise"]:
        color = tf.exp(-between(-0.5, 2.0) * np.log(hz / 1000) + curve(between(-1.5, 1.5, 7))) * (hz + 700)
        color *= MELS / tf.reduce_sum(color, axis=-1, keepdims=True)
        begin = tf.random.uniform((batch,), 0, len(WOBBLE) - frames, tf.int32)
        wobble = tf.gather(WOBBLE, begin[:, None] + np.arange(frames, dtype="int32"))
        db = tf.where(chance(s["noise"]), between(s["noise_db"], 45.0), 200.0)
        power += level * color * wobble * tf.exp(-0.23 * db)
    if s["line"]:
        low = tf.where(chance(s["line"]), between(60.0, 400.0), 1.0)
        high = tf.where(chance(s["line"]), tf.exp(between(np.log(2800.0), np.log(7500.0))), 1e5)
        power *= tf.minimum((hz / low) ** 4, 1.0) * tf.minimum((high / hz) ** 12, 1.0)
    if s["compress"]:
        energy = tf.reduce_mean(power, axis=2, keepdims=True) + QUIET
        strength = tf.where(chance(s["compress"]), between(0.0, s["compress_most"]), 0.0)
        power *= (energy / tf.reduce_max(energy, axis=1, keepdims=True)) ** (-strength)
    if s["gate"]:
        energy = tf.reduce_mean(power, axis=2, keepdims=True)
        below = energy < tf.reduce_max(energy, axis=1, keepdims=True) * tf.exp(-between(5.0, 9.0))
        power = tf.where(tf.logical_and(below, chance(s["gate"])), power * 1e-3, power)
    return power


def nothing(power, heard, s):
    """A share `s["nothing"]` of the speakers replaced by what is no speech: coloured noise that swells, steady tones.

    Returns:
        `(power, heard, which)`: of the same shapes, and `(batch, 1)` booleans.
    """
    batch, frames, hz = power.shape[0], power.shape[1], centers_hz()

    def between(low, high, *size):
        return tf.repeat(tf.random.uniform((batch // s["together"], *size), low, high), s["together"], axis=0)

    which = between(0.0, 1.0, 1) < s["nothing"]
    swell = tf.transpose(curve(between(-1.0, 1.0, 1, 9)), [0, 2, 1])  # (batch, 64, 1), over time
    swell = tf.image.resize(swell[..., None], (frames, 1))[..., 0] * between(0.0, 4.0, 1, 1)
    color = curve(between(-3.0, 3.0, 1, 7)) - between(-0.5, 2.0, 1, 1) * np.log(hz / 1000)
    begin = tf.random.uniform((batch,), 0, len(WOBBLE) - frames, tf.int32)
    noise = tf.exp(color) * tf.gather(WOBBLE, begin[:, None] + np.arange(frames, dtype="int32"))
    tones = tf.cast(between(0.0, 1.0, 1, MELS) < between(0.0, 0.2, 1, 1), tf.float32) * between(0.0, 300.0, 1, MELS)
    other = (noise + tones * tf.cast(between(0.0, 1.0, 1, 1) < 0.5, tf.float32)) * tf.exp(swell)
    periodic = between(0.0, 1.0, 1, 1) + 0.05 * tf.random.normal((batch, frames, 1))
    spread = between(0.0, 1.0, 1, 1) * tf.random.normal((batch, frames, 1))
    sound = tf.concat([7 + between(-1.0, 2.0, 1, 1) + spread, tf.clip_by_value(periodic, 0.0, 1.0)], axis=2)
    return tf.where(which[..., None], other, power), tf.where(which[..., None], sound, heard), which


def probes(seconds=4):
    """Sounds that are no speech, by name: waveforms at 16 kHz."""
    random, time = np.random.default_rng(0), np.arange(int(seconds * 16000)) / 16000
    white = random.standard_normal(len(time))
    pink = np.fft.irfft(np.fft.rfft(white) / np.sqrt(np.arange(len(time) // 2 + 1) + 1), len(time))
    tone = lambda hz, n=1: sum(np.sin(2 * np.pi * hz * k * time) / k for k in range(1, n + 1))  # noqa: E731
    music = np.zeros(len(time))
    for at in np.arange(0, seconds, 0.25):  # chords of plucked strings
        since = np.where(time >= at, time - at, 0)
        for note in random.choice([0, 2, 4, 5, 7, 9, 11, 12], 3, replace=False):
            music += (time >= at) * np.exp(-4 * since) * tone(220 * 2 ** (note / 12), 6) * random.uniform(0.3, 1)
    sounds = {
        "white noise": white, "pink noise": pink, "hum": tone(50, 9), "dial tone": tone(350) + tone(440),
        "music": music, "engine": tone(90, 20) * (1 + 0.3 * np.sin(12 * time)) + white,
    }  # fmt: skip
    return {name: (0.1 * x / x.std()).astype("float32") for name, x in sounds.items()} | {"silence": 0 * time.astype("float32")}


# --- Relative to a reference ---


def loudness(power):
    """Weights `(batch, frames, 1)` of speech frames: nats above the mean power less `LOUD_NATS`."""
    energy = tf.reduce_mean(power, axis=2, keepdims=True)
    return tf.nn.relu(tf.math.log((energy + QUIET) / (tf.reduce_mean(energy, 1, keepdims=True) + QUIET)) + LOUD_NATS)


def spectrum(power):
    """Mean log power over speech frames `(batch, 1, mels)`, and the weight it stands on `(batch, 1, 1)`."""
    weights = loudness(power)
    total = tf.reduce_sum(weights, axis=1, keepdims=True)
    return tf.reduce_sum(weights * tf.math.log(power + QUIET), axis=1, keepdims=True) / (total + 1e-3), total


def relative(power, reference, s):
    """`log(floor + power / reference) / spread`, not above 4 spreads."""
    x = tf.math.log(np.exp(-s["floor"]) + power * tf.exp(-reference))
    return tf.minimum(x / s["spread"], 4.0)


def common(own, shape):
    """The reference of a voice of which nothing else is known: the usual spectrum at the window's own level."""
    return shape + tf.reduce_mean(own - shape, axis=2, keepdims=True)


def standardized(power):
    """Today's front end: level of the window to 1, log(1 + power / 0.01), mean and deviation of the window."""
    level = tf.reduce_mean(power / weights_of_white(), axis=(1, 2), keepdims=True)
    x = tf.math.log(1 + power / tf.maximum(level, 1e-10) / 1e-2)
    x -= tf.reduce_mean(x, axis=(1, 2), keepdims=True)
    return x / tf.maximum(tf.sqrt(tf.reduce_mean(x * x, axis=(1, 2), keepdims=True)), 0.1)


def weights_of_white():
    """Mel power of white noise of rms 1."""
    return np.float32(N_FFT * 0.375) * mel_weights(MELS, N_FFT, 16000, 50.0, 8000.0).sum(axis=0)


def statistics(x, power, cepstra=32, together=6):
    """Of cepstra over speech frames: mean, deviation, deviation of the differences; correlations of the first few.

    Returns:
        `(batch, 3 * cepstra + together * (together - 1) / 2)`.
    """
    weights = loudness(power)
    weights /= tf.reduce_sum(weights, axis=1, keepdims=True) + 1e-3
    angle = np.pi / MELS * np.outer(np.arange(MELS) + 0.5, np.arange(cepstra))
    x = tf.matmul(x, (np.cos(angle) * np.sqrt(2 / MELS)).astype("float32"))
    mean = tf.reduce_sum(weights * x, axis=1, keepdims=True)
    steps = tf.pad(x[:, 1:] - x[:, :-1], [[0, 0], [1, 0], [0, 0]])
    spread = lambda d: tf.sqrt(tf.reduce_sum(weights * d * d, axis=1) + 1e-4)  # noqa: E731
    deviation = spread(x - mean)
    first = ((x - mean) / deviation[:, None])[..., :together]
    pairs = tf.matmul(first * weights, first, transpose_a=True)
    pairs = tf.gather(tf.reshape(pairs, (-1, together**2)), np.flatnonzero(np.triu(np.ones((together,) * 2), 1)), axis=1)
    return tf.concat([mean[:, 0], deviation, spread(steps), pairs], axis=1)


def melody(heard, power, shift=0.0):
    """Statistics of a window's pitch `(batch, frames, 2)`: `(batch, 9)`.

    Mean, deviation, softest low and high, mean step, share of frames that are voiced and how periodic these are; and
    the deviation of the level and its skew.
    """
    loud = loudness(power)[..., 0]
    octaves, period = heard[..., 0] - 7.0 + shift, heard[..., 1]
    voiced = tf.cast((period > 0.5) & (loud > 0), tf.float32)
    mean = lambda a, w: tf.reduce_sum(a * w, axis=1, keepdims=True) / (tf.reduce_sum(w, axis=1, keepdims=True) + 1e-2)  # noqa: E731
    middle = mean(octaves, voiced)
    away = (octaves - middle) * voiced
    step = tf.abs(octaves[:, 1:] - octaves[:, :-1])
    low, high = (tf.math.log(mean(tf.exp(sign * 4 * away), voiced) + 1e-2) / 4 for sign in (-1, 1))
    level = tf.math.log(tf.reduce_mean(power, axis=2) + QUIET)
    around = (level - mean(level, voiced)) * voiced
    deviation = tf.sqrt(mean(around**2, voiced) + 1e-4)
    return tf.concat([
        middle, tf.sqrt(mean(away**2, voiced) + 1e-4), low, high,
        mean(tf.minimum(step, 0.3), voiced[:, 1:] * voiced[:, :-1] * tf.cast(step < 0.3, tf.float32)),
        mean(voiced, tf.cast(loud > 0, tf.float32)), mean(period, voiced), deviation,
        mean(around**3, voiced) / deviation**3,
    ], axis=1)  # fmt: skip


def masked(x, s):
    """SpecAugment's masks, which take the floor's value of a quiet frame: the example's mean."""
    batch, frames = tf.shape(x)[0], x.shape[1]
    hidden = tf.zeros((batch, frames, MELS), bool)
    for _ in range(2):
        for size, widest, axis in ((frames, s["time_mask"] * frames, 2), (MELS, float(s["freq_mask"]), 1)):
            width = tf.random.uniform((batch, 1)) * widest
            begin = tf.random.uniform((batch, 1)) * (size - width)
            place = np.arange(size, dtype="float32")[None]
            hidden |= tf.expand_dims((place >= begin) & (place < begin + width - 0.5), axis)
    return tf.where(hidden, tf.reduce_mean(x, axis=(1, 2), keepdims=True), x)
