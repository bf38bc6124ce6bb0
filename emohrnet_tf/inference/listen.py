"""The timeline of sound as it comes: from a microphone, or from anything that gives blocks of samples."""

import queue

import numpy as np
import soxr

from emohrnet_tf.audio.silence import FRAME, levels_db, silence_limit
from emohrnet_tf.errors import InputError
from emohrnet_tf.inference.predict import opened
from emohrnet_tf.inference.timeline import stretches
from emohrnet_tf.model.voice import least_confidence

REMEMBERED = 600.0  # seconds of levels by which silence is known: a quieter evening becomes the new loud
BLOCK = 0.1  # seconds that a microphone gives at once


def listen(model, blocks, hop=0.5, min_confidence=None):
    """The emotion of each stretch of `hop` seconds, as soon as it has ended.

    `timeline.timeline` without a look ahead: a stretch is judged by the model's window that ends with it, so it tells
    of the last seconds, and the first is the one at whose end a whole window has been heard. It is silence where its
    loudest 0.1 s lies at or below `silence.silence_limit` of what was heard up to then, ten minutes back; silence is
    marked, not guessed, and costs no computation.

    Args:
        model: `EmoHRNet`, or the path or name of one.
        blocks: iterable of float32 `(n,)` at the model's rate, of any lengths (`microphone`, `files.stream_audio`).
        hop: seconds.
        min_confidence: the emotion of a stretch whose most probable label is below it is "uncertain".

    Yields:
        DataFrame of the columns of `timeline.timeline`: the stretches that ended with a block; none of them twice.

    Raises:
        InputError: a model that names no emotions, or a hop below 0.1 s or longer than the model's window.

    Example:
        for table in listen("voices", microphone(16000)):
            print(table.emotion.iloc[-1])
    """
    model = opened(model)
    min_confidence = least_confidence(model, min_confidence)
    if not model.labels:
        raise InputError("Listening is for emotions: give a model that names them, or a joint one. Received: 'vad'")
    rate, samples = model.audio.sample_rate, model.audio.samples
    if not FRAME <= hop <= samples / rate:
        raise InputError(f"The hop lies between {FRAME} s and the window, {samples / rate:g} s. Received: {hop!r}")
    step, frame = round(hop * rate), round(FRAME * rate)
    return _listen(model, blocks, step, samples, frame, round(REMEMBERED / FRAME), min_confidence)


def _listen(model, blocks, step, samples, frame, remembered, min_confidence):
    """`listen`, in samples; `levels` are of frames that begin with the first sample heard."""
    heard, first = np.zeros(0, np.float32), 0  # what is kept, and where it begins
    levels, begun = np.zeros(0), 0  # of whole frames, and the number of the first that is kept
    number = -(-samples // step) - 1  # of the next stretch: the first that ends with a whole window heard
    for block in blocks:
        heard = np.concatenate([heard, np.asarray(block, np.float32)])
        end, known = first + len(heard), begun + len(levels)
        fresh = heard[known * frame - first :]
        levels = np.append(levels, levels_db(fresh[: len(fresh) // frame * frame].reshape(-1, frame)))
        numbers = np.arange(number, end // step)
        if len(numbers):
            silent = np.zeros(len(numbers), bool)
            for row, (a, b) in enumerate(zip(numbers * step // frame, (numbers + 1) * step // frame)):
                limit = silence_limit(levels[max(0, b - begun - remembered) : b - begun])
                silent[row] = levels[a - begun : b - begun].max() <= limit
            ends = (numbers + 1) * step
            yield _judged(model, heard, ends[~silent] - first, silent, ends - step, ends, min_confidence)
            number = numbers[-1] + 1
        keep = max(first, min((number + 1) * step - samples, (begun + len(levels)) * frame))
        heard, first = heard[keep - first :], keep
        if forgotten := max(0, min(len(levels) - remembered, number * step // frame - begun)):
            levels, begun = levels[forgotten:], begun + forgotten


def _judged(model, heard, stops, silent, starts, ends, min_confidence):
    """The table of some stretches, of which those that are not silent are scored by the window before their end."""
    rate, samples = model.audio.sample_rate, model.audio.samples
    windows = [heard[stop - samples : stop] for stop in stops]
    scored = model.answer_windows(np.stack(windows) if windows else np.zeros((0, samples), np.float32))
    answers = {name: np.zeros((len(silent), rows.shape[1]), np.float32) for name, rows in scored.items()}
    for name, rows in scored.items():
        answers[name][~silent] = rows
    return stretches(model, answers, silent, starts / rate, ends / rate, min_confidence)


def microphone(sample_rate, device=None, lost=None):
    """Blocks of a microphone, until it goes away.

    A device that does not offer the rate is heard at its own and resampled.

    Args:
        sample_rate: hertz of the blocks.
        device: number or name of an input as `python -m sounddevice` lists them; None is the system's own choice.
        lost: called when samples were lost because nobody took them in time.

    Yields:
        float32 `(n,)` of about 0.1 s.

    Raises:
        InputError: sounddevice or PortAudio is not installed, or there is no such microphone.
    """
    sounddevice = _sounddevice()
    blocks = queue.SimpleQueue()

    def take(samples, _, __, status):
        if status and lost is not None:
            lost()
        blocks.put(samples[:, 0].copy())

    try:
        rate = int(sounddevice.query_devices(device, "input")["default_samplerate"])
        try:
            sounddevice.check_input_settings(device, 1, "float32", samplerate=sample_rate)
            rate = sample_rate
        except sounddevice.PortAudioError:  # this rate is not one of the device's
            pass
        stream = sounddevice.InputStream(
            rate, round(BLOCK * rate), device, 1, "float32", callback=take, finished_callback=lambda: blocks.put(None)
        )
    except (sounddevice.PortAudioError, ValueError) as error:
        raise InputError(
            f"No such microphone ({error}): plug one in, or give the number of one as --device; "
            f"`python -m sounddevice` lists them. Received: {device!r}"
        ) from error
    resampler = None if rate == sample_rate else soxr.ResampleStream(rate, sample_rate, 1, "float32", quality="HQ")
    with stream:
        while (block := blocks.get()) is not None:
            yield block if resampler is None else resampler.resample_chunk(block)


def _sounddevice():
    """The package, or what to install for it."""
    try:
        import sounddevice
    except ImportError as error:
        raise InputError(
            "Microphones are read by sounddevice: pip install 'emohrnet_tf[listen]'. Received: no sounddevice"
        ) from error
    except OSError as error:
        raise InputError(
            f"sounddevice needs the library PortAudio ({error}): apt-get install libportaudio2, dnf install portaudio, "
            "or brew install portaudio. Received: no PortAudio"
        ) from error
    return sounddevice
