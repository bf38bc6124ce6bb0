"""One made-up voice speaks: from the prosody of a clip to its waveform (source and filter)."""

import numpy as np
from scipy import fft
from scipy.ndimage import gaussian_filter1d

from emohrnet_tf.demo.prosody import EMOTIONS

SAMPLE_RATE = 16000
HOP, WINDOW, N_FFT = 128, 256, 1024  # samples; what the window leaves free of N_FFT is room for the formants to ring

# ---- Speech: invented words; a comma is a short pause; a stop closes, then bursts.
STATEMENTS = (
    "kiduz ar tokin, bai d@ nolu doram",
    "d@ golu sitin on ama, ferid@ kamo",
    "menu tap@ liso, wed@ rinu basi fom",
    "so lami d@ petun, jura gan@ wil@ke",
    "b& nos@ kuli damo, tan@ lefu zirom",
    "fal@ gimu, rod@ sen@ wab& tilo nek",
)
VOWELS = "aeiou@&"
STOPS = "ptkbdg"
PHONEMES = {  # F1   F2    F3   ms  voice_db noise_db noise_hz
    "a": (730, 1090, 2440, 135,   0, -99, 1000),
    "e": (530, 1840, 2480, 120,   0, -99, 1000),
    "i": (280, 2250, 2950, 110,  -1, -99, 1000),
    "o": (570,  860, 2410, 125,   0, -99, 1000),
    "u": (310,  900, 2240, 110,  -1, -99, 1000),
    "@": (500, 1480, 2500,  75,  -3, -99, 1000),
    "&": (660, 1700, 2400, 135,   0, -99, 1000),
    "m": (260, 1100, 2150,  75, -12, -99, 1000),
    "n": (260, 1650, 2550,  65, -12, -99, 1000),
    "l": (360, 1050, 2700,  65,  -7, -99, 1000),
    "r": (360, 1150, 1650,  65,  -7, -99, 1000),
    "w": (300,  720, 2200,  65,  -8, -99, 1000),
    "j": (280, 2150, 2900,  60,  -8, -99, 1000),
    "b": (260,  900, 2200,  75, -22, -20,  900),
    "d": (280, 1700, 2600,  70, -22, -16, 3600),
    "g": (270, 1900, 2300,  75, -22, -18, 2000),
    "p": (350,  900, 2200,  95, -99, -16, 1000),
    "t": (350, 1700, 2600,  95, -99, -10, 4200),
    "k": (350, 1800, 2300, 100, -99, -12, 2200),
    "s": (330, 1600, 2550, 105, -99,  -8, 5600),
    "z": (280, 1600, 2550,  85, -16, -14, 5400),
    "f": (340, 1000, 2250,  95, -99, -20, 4500),
    ",": (500, 1500, 2500, 110, -99, -99, 1000),
}  # fmt: skip


def make_voice(seed: int, speaker: int) -> dict[str, float]:
    """Return what stays the same in all clips of a speaker; no emotion touches it."""
    rng = np.random.default_rng([seed, 0, speaker])
    low = speaker % 2 == 1
    octaves = rng.normal(0, 0.25)
    return {
        "pitch_hz": float(np.clip((115 if low else 200) * 2**octaves, 85, 260)),
        "formant_scale": float(np.clip((0.94 if low else 1.09) + 0.1 * octaves + rng.normal(0, 0.035), 0.85, 1.2)),
        "rate_log2": rng.normal(0, 0.08),
        "tilt_db_per_octave": rng.normal(-4.5, 0.6),
        "breath_db": rng.normal(0, 2.5),
        "level_dbfs": rng.uniform(-44, -24),
        "room_dbfs": rng.uniform(-78, -68),
    }


def speak(seed: int, row: dict) -> np.ndarray:
    """Return the waveform (samples,), float64 within -1..1 at 16 kHz, of one row of the index."""
    speaker, code = int(row["speaker"].removeprefix("Actor_")), list(EMOTIONS).index(row["emotion"])
    rng = np.random.default_rng([seed, 2, speaker, code, row["repetition"], row["statement"]])
    voice, symbols = make_voice(seed, speaker), _symbols(row)
    seconds = segment_seconds(row, voice)
    sounds = np.array([PHONEMES[symbol] for symbol in symbols], float)

    frames = int(seconds.sum() * SAMPLE_RATE / HOP)
    time = (np.arange(frames) + 0.5) * HOP / SAMPLE_RATE
    ends = seconds.cumsum()
    segment = np.searchsorted(ends, time).clip(max=len(symbols) - 1)
    passed = 1 - (ends[segment] - time) / seconds[segment]
    closed = np.isin(list(symbols), list(STOPS))[segment] & (passed < 0.65)
    sounding = np.minimum(1, np.arange(frames, 0, -1) / 8)  # the last 64 ms fade
    voiced = gaussian_filter1d(10 ** (sounds[segment, 4] / 20), 1.0) * sounding
    noisy = gaussian_filter1d(np.where(closed, 0, 10 ** ((sounds[segment, 5] + row["consonant_db"]) / 20)), 0.7)
    formants_hz = [np.interp(time, ends - seconds / 2, sounds[:, k]) for k in range(3)]
    formants_hz = gaussian_filter1d(formants_hz + [np.full(frames, hz) for hz in (3500.0, 4500.0)], 1.5, axis=1)

    pitch_hz, level_db, tilt = _contours(row, voice, symbols, ends, time, voiced, rng)
    voiced *= 10 ** (level_db / 20)
    pulses, cycles = _pulses(pitch_hz, row, rng)
    breath = rng.normal(size=len(pulses)) * (1 + 0.6 * np.cos(2 * np.pi * cycles))
    hiss = rng.normal(size=len(pulses))

    hz = fft.rfftfreq(N_FFT, 1 / SAMPLE_RATE)
    octaves = np.log2(np.maximum(hz, 100) / 500)
    breath_gain = 10 ** ((row["breath_db"] + voice["breath_db"]) / 20)
    spectrum = _spectra(pulses, frames) * 10 ** (tilt[:, None] * octaves / 20)
    spectrum = (spectrum + _spectra(breath, frames) * breath_gain * 10 ** (-3 * octaves / 20)) * voiced[:, None]
    spectrum *= _vocal_tract(formants_hz * voice["formant_scale"], hz)
    centre_hz = (sounds[segment, 6] * voice["formant_scale"])[:, None]
    band = np.exp(-0.5 * ((hz - centre_hz) / (300 + 0.2 * centre_hz)) ** 2)
    spectrum += _spectra(hiss, frames) * band * (noisy * sounding * 10 ** (0.5 * level_db / 20))[:, None]

    blocks = fft.irfft(spectrum, N_FFT).reshape(frames, -1, HOP)
    speech = np.zeros((frames + N_FFT // HOP - 1, HOP))
    for k in range(N_FFT // HOP):
        speech[k : k + frames] += blocks[:, k]
    speech = speech.ravel() / speech[:frames].std() * 10 ** ((voice["level_dbfs"] + row["level_db"]) / 20)

    waveform = rng.normal(0, 10 ** (voice["room_dbfs"] / 20), sample_count(row))
    start = round(row["start_seconds"] * SAMPLE_RATE)
    speech = speech[: len(waveform) - start]
    waveform[start : start + len(speech)] += speech
    return waveform * min(1, 0.95 / np.abs(waveform).max())


# ---- Parts of the voice


def _contours(row, voice, symbols, ends, time, voiced, rng):
    """Return pitch (Hz), level (dB) and spectral tilt (dB per octave) of each frame."""
    nuclei = [k for k, symbol in enumerate(symbols) if symbol in VOWELS]
    onsets = [k - (k > 0 and symbols[k - 1] not in VOWELS + ",") for k in nuclei]
    accents = np.array(_accents(STATEMENTS[row["statement"] - 1])) * rng.uniform(0.8, 1.2, len(nuclei))
    edges = np.append(np.append(0, ends)[onsets], ends[-1])
    syllable = (np.searchsorted(edges, time) - 1).clip(0, len(nuclei) - 1)
    phase = (2 * (time - edges[syllable]) / (edges[syllable + 1] - edges[syllable]) - 1).clip(-1, 1)
    bump = accents[syllable] * np.cos(np.pi / 2 * phase) ** 2
    phase = gaussian_filter1d(phase, 1.5)  # a syllable's end meets the next one's start
    utterance = time / ends[-1] - 0.5
    final = np.clip((utterance - 0.25) / 0.25, 0, 1)
    wander = gaussian_filter1d(rng.normal(size=len(time)), 12)

    semitones = row["pitch_range_semitones"] * bump + row["pitch_glide_semitones"] * phase / 2
    semitones += row["pitch_final_semitones"] * final**2 * (3 - 2 * final) - row["pitch_fall_semitones"] * utterance
    semitones = gaussian_filter1d(semitones + 0.4 * wander / wander.std(), 1.5)
    semitones += row["pitch_shift_semitones"] - np.average(semitones, weights=voiced)
    pitch_hz = (voice["pitch_hz"] * 2 ** (semitones / 12)).clip(50, 700)
    level_db = row["level_slope_db"] * utterance + row["level_contrast_db"] * bump + row["level_swell_db"] * phase / 2
    tilt = voice["tilt_db_per_octave"] + row["tilt_db_per_octave"] + row["tilt_swing_db_per_octave"] * phase / 2
    return pitch_hz, level_db, tilt


def _accents(letters: str) -> list[float]:
    """Return the accent of each syllable: strongest on a word's first vowel, weakest on a schwa."""
    words = [[letter for letter in word if letter in VOWELS] for word in letters.split()]
    return [0.15 if vowel == "@" else 0.4 if k else 1.0 for word in words for k, vowel in enumerate(word)]


def _pulses(pitch_hz, row, rng):
    """Return band-limited pulses of mean power one at the frames' pitch, and the cycles passed at each sample."""
    count = len(pitch_hz) * HOP
    pitch_hz = np.interp(np.arange(count), (np.arange(len(pitch_hz)) + 0.5) * HOP, pitch_hz)
    cycles = np.cumsum(pitch_hz / SAMPLE_RATE)
    at = np.interp(np.arange(1, int(cycles[-1])), cycles, np.arange(count))
    period = SAMPLE_RATE / np.interp(at, np.arange(count), pitch_hz)
    at = (at + rng.normal(size=len(at)) * max(row["jitter_percent"], 0) / 100 * period).clip(8, count - 9)
    height = np.sqrt(period) * 10 ** (rng.normal(size=len(at)) * max(row["shimmer_db"], 0) / 20)
    taps = np.floor(at).astype(int)[:, None] + np.arange(-7, 9)
    offset = taps - at[:, None]
    pulses = np.zeros(count)
    np.add.at(pulses, taps, height[:, None] * np.sinc(offset) * np.cos(np.pi * offset / 18) ** 2)
    return pulses, cycles


def _spectra(signal, frames):
    padded = np.concatenate([np.zeros(HOP // 2), signal, np.zeros(WINDOW)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP][:frames]
    return fft.rfft(windows * (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)), N_FFT)


def _vocal_tract(formants_hz, hz):
    """Return the response (frames, bins) of Klatt's cascade of five resonators."""
    z = np.exp(-2j * np.pi * hz / SAMPLE_RATE)
    response = 1
    for formant_hz, bandwidth_hz in zip(formants_hz, (70, 90, 130, 220, 300)):
        radius = np.exp(-np.pi * bandwidth_hz / SAMPLE_RATE)
        turn = (-2 * radius * np.cos(2 * np.pi * formant_hz / SAMPLE_RATE))[:, None]
        response = response * (1 + turn + radius**2) / (1 + turn * z + radius**2 * z**2)
    return response


def _symbols(row: dict) -> str:
    return STATEMENTS[row["statement"] - 1].replace(" ", "")


def segment_seconds(row: dict, voice: dict) -> np.ndarray:
    """Return the seconds of each sound: 2.15 s in all at the typical rate, never under 1.8 or over 2.7."""
    symbols = _symbols(row)
    seconds = np.array([PHONEMES[symbol][3] for symbol in symbols], float)
    seconds *= 2.15 / seconds.sum()
    last = [k for k, symbol in enumerate(symbols) if symbol in VOWELS][-2]
    seconds[last:] *= 2 ** row["lengthening_log2"]
    seconds /= 2 ** (row["rate_log2"] + voice["rate_log2"])
    return seconds * np.clip(seconds.sum(), 1.8, 2.7) / seconds.sum()


def sample_count(row: dict) -> int:
    return round(row["duration_seconds"] * SAMPLE_RATE)
