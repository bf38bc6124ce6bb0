"""WAV bytes to waveforms on-graph, in core TensorFlow operations alone: what the SavedModel's `wav` signature decodes.

`tf.audio.decode_wav` fails a whole batch for one bad file, and refuses WAVE_FORMAT_EXTENSIBLE and a LIST chunk before
`fmt `; here every file stands alone and its fault becomes text.
"""

import numpy as np
import tensorflow as tf

from emohrnet_tf.audio.channels import CANCELLED
from emohrnet_tf.audio.files import MAX_HOURS, RATES
from emohrnet_tf.audio.pieces import COUNTED_ITSELF, STREAMED

MAX_CHUNKS = 64  # RIFF chunks looked at before the data; a file of nothing but headers ends here
BLOCK = 1 << 18  # samples resampled at once: of an hour only the result is ever whole in memory
MAX_PHASES = 640  # 11.025 kHz to 16 kHz; rates that share a smaller divisor with the target would need huge filters
PCM_GUID = b"\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71"  # ends the sub-format of every WAVE_FORMAT_EXTENSIBLE
# The low-pass of soxr's HQ, by its response: Kaiser window, in samples and half band of the lower of the two rates.
HALF_WIDTH, KAISER_BETA, CUTOFF = 94, 12.2, 0.957


def decode_wavs(contents, sample_rate):
    """Decode WAV files and resample each to `sample_rate`.

    16-bit PCM, any number of channels (their mean, or one where they cancel), 8 to 192 kHz. Chunks beside `fmt ` and
    `data` are skipped. Data lengths that are 0, 0xFFFFFFFF, 64 bytes too long, or end where nothing known begins, mean
    the end of the bytes; of WAV files joined end to end the first is decoded.

    Args:
        contents: string tensor `(batch,)`, the bytes of one file each.
        sample_rate: Hz of the result.

    Returns:
        waveforms end to end, float32 `(samples,)`; length of each, int32 `(batch,)`; fault of each, string
        `(batch,)`: empty where the file is sound, and the length 0 where it is not.

    Example:
        >>> sound = tf.audio.encode_wav(tf.zeros((8000, 2)), 8000)
        >>> samples, lengths, faults = decode_wavs(tf.stack([sound, "not a WAV"]), 16000)
        >>> lengths.numpy().tolist()
        [16000, 0]
    """
    header, faults = read_headers(contents, sample_rate)
    up, down, rate = sample_rate // header["divisor"], header["rate"] // header["divisor"], header["rate"]
    lengths = tf.where(faults == "", (2 * header["frames"] * up + down) // (2 * down), 0)  # rounded, as soxr does
    phases = up * -(-128 // up)  # outputs of one row of the matrix product: whole cycles of the filter, 128 or more
    steps = phases // up * down  # inputs that they take
    reach = tf.where(rate != sample_rate, -(-HALF_WIDTH * tf.maximum(rate, sample_rate) // sample_rate), 0)
    rows = BLOCK // phases
    blocks = -(-lengths // (rows * phases))
    store = tf.TensorArray(
        tf.float32, tf.cast(tf.reduce_sum(blocks), tf.int32), element_shape=(None,), infer_shape=False
    )

    def file_step(file, written, store):
        content, channels, frames = contents[file], header["channels"][file], header["frames"][file]
        phases_, steps_, reach_, rows_ = phases[file], steps[file], reach[file], rows[file]
        taps = steps_ + 2 * reach_
        filters = tf.cond(
            reach_ == 0,
            lambda: tf.zeros((0, 0)),
            lambda: polyphase(taps, phases_, reach_, up[file], down[file]),
        )

        def block_step(block, written, store):
            count = tf.minimum(rows_, -(-lengths[file] // phases_) - block * rows_)  # rows of this block
            first = block * rows_ * steps_ - reach_
            last = first + (count - 1) * steps_ + taps
            begin, end = tf.maximum(first, 0), tf.minimum(last, frames)
            start, size = header["data"][file] + begin * 2 * channels, (end - begin) * 2 * channels
            pcm = tf.io.decode_raw(tf.strings.substr(content, start, size), tf.int16)
            pcm = tf.reshape(tf.cast(pcm, tf.float32) / 32768.0, tf.stack([-1, channels]))
            mono = tf.pad(_mean(pcm, begin, header["rate"][file]), [[begin - first, last - end]])
            framed = tf.gather(mono, tf.range(count)[:, None] * steps_ + tf.range(taps))  # (rows, taps)
            result = tf.cond(reach_ == 0, lambda: framed, lambda: tf.matmul(framed, filters))
            result = tf.reshape(result, [-1])[: lengths[file] - block * rows_ * phases_]
            return block + 1, written + 1, store.write(written, result)

        loop = (tf.constant(0, tf.int64), written, store)
        _, written, store = tf.while_loop(lambda block, *_: block < blocks[file], block_step, loop)
        return file + 1, written, store

    files = tf.size(contents)
    _, _, store = tf.while_loop(lambda file, *_: file < files, file_step, (0, 0, store), parallel_iterations=1)
    return store.concat(), tf.cast(lengths, tf.int32), faults


def _mean(pcm, begin, rate):
    """Float32 `(frames, channels)` -> `(frames,)`: the mean of the channels, or the first loud one where they cancel.

    Decided for each tenth of a second from the file's start, as `audio.files` does; of a tenth that lies in two blocks
    for each part of it.

    Args:
        begin: of `pcm` in the file, frames.
        rate: hertz.
    """
    step = tf.maximum(rate // 10, 1)
    tenth = (begin + tf.range(tf.shape(pcm, tf.int64)[0])) // step - begin // step
    mean, power = tf.reduce_mean(pcm, axis=1), tf.math.segment_sum(tf.square(pcm), tenth)  # power: (tenths, channels)
    loud = tf.argmax(tf.cast(power >= 0.5 * tf.reduce_max(power, axis=1, keepdims=True), tf.int32), axis=1)
    cancels = tf.math.segment_sum(tf.square(mean), tenth) < CANCELLED * tf.reduce_mean(power, axis=1)
    one = tf.gather(pcm, tf.gather(loud, tenth), axis=1, batch_dims=1)
    return tf.where(tf.gather(cancels, tenth), one, mean)


def polyphase(taps, phases, reach, up, down):
    """Filters `(taps, phases)`: column p is the low-pass around input `p * down / up`, `reach` rows from the top."""
    tap, phase = tf.range(taps)[:, None] - reach, tf.range(phases)
    # distance in samples of the lower rate; the numerators stay below 2**24, exact in float32
    distance = tf.cast(tap * up - phase * down, tf.float32) / tf.cast(tf.maximum(up, down), tf.float32)
    gain = CUTOFF * tf.cast(tf.minimum(up, down), tf.float32) / tf.cast(down, tf.float32)
    angle = 3.14159265 * CUTOFF * distance
    sinc = tf.where(angle == 0, 1.0, tf.sin(angle) / tf.where(angle == 0, 1.0, angle))
    inside = 1.0 - tf.square(distance / HALF_WIDTH)
    window = tf.math.bessel_i0(KAISER_BETA * tf.sqrt(tf.maximum(inside, 0.0))) / np.i0(KAISER_BETA).astype(np.float32)
    return gain * sinc * tf.where(inside > 0, window, 0.0)


def read_headers(contents, sample_rate):
    """Where each file's samples lie.

    Returns:
        dictionary of int64 `(batch,)`: `data` (first byte of the samples), `frames`, `channels`, `rate` and its
        `divisor` with `sample_rate`, all harmless numbers where there is a fault; and the faults, string `(batch,)`.
    """
    size = tf.cast(tf.strings.length(contents), tf.int64)
    position, nothing = tf.fill(tf.shape(contents), tf.constant(12, tf.int64)), tf.fill(tf.shape(contents), -1)

    def more(position, fmt, data):
        return (data < 0) & (position + 8 <= size)

    def step(chunk, position, fmt, data):
        name, length = _cut(contents, position, 4), _number(contents, position + 4, 4)
        here, body = more(position, fmt, data), position + 8
        fmt = tf.where(here & (name == b"fmt ") & (fmt < 0), body, fmt)
        data = tf.where(here & (name == b"data"), body, data)
        return chunk + 1, tf.where(here, body + length + length % 2, position), fmt, data

    _, _, fmt, data = tf.while_loop(
        lambda chunk, *state: (chunk < MAX_CHUNKS) & tf.reduce_any(more(*state)),
        step,
        (0, position, tf.cast(nothing, tf.int64), tf.cast(nothing, tf.int64)),
    )
    code, channels = _number(contents, fmt, 2), _number(contents, fmt + 2, 2)
    rate, bits = _number(contents, fmt + 4, 4), _number(contents, fmt + 14, 2)
    extensible = (code == 0xFFFE) & (_cut(contents, fmt + 26, 14) == PCM_GUID)
    code = tf.where(extensible, _number(contents, fmt + 24, 2), code)
    promised, held = _number(contents, data - 4, 4), size - data
    follows = data + promised  # a chunk, a tag, another file, or samples that the header does not know of
    name = tf.io.decode_raw(_cut(contents, follows, 4), tf.uint8)
    chunk = tf.reduce_all((name >= 32) & (name < 127), axis=1)
    chunk &= _number(contents, follows + 4, 4) <= size - follows - 8
    tagged = (_cut(contents, follows, 3) == b"ID3") | (_cut(contents, follows, 3) == b"TAG")
    padded = (_cut(contents, follows, 8) == b"\0" * 8) & (promised > 0)
    known = (promised <= held) & (chunk | tagged | padded | (held - promised < 8)) & ((promised > 0) | chunk)
    frames = tf.where(known, promised, held) // tf.maximum(2 * channels, 1)
    divisor = _divisor(tf.clip_by_value(rate, *RATES), sample_rate)

    encoding = tf.strings.join(["format ", tf.as_string(code), ", ", tf.as_string(bits), " bits"])
    advice = f"; send 16-bit PCM, e.g. ffmpeg -i INPUT -ar {sample_rate} -ac 1 -c:a pcm_s16le OUTPUT.wav"
    cases = [
        (size == 0, "empty: 0 bytes; send the bytes of a WAV file"),
        (
            (_cut(contents, tf.zeros_like(size), 4) != b"RIFF")
            | (_cut(contents, tf.zeros_like(size) + 8, 4) != b"WAVE"),
            "not a WAV file" + advice,
        ),
        ((fmt < 0) | (data < 0), "cut short or damaged: a WAV file without its fmt or data chunk; send it whole"),
        (
            (code != 1) | (bits != 16) | (channels < 1),
            tf.strings.join(["unsupported encoding (", encoding, ")" + advice]),
        ),
        (
            (rate < RATES[0]) | (rate > RATES[1]) | (divisor * MAX_PHASES < sample_rate),
            tf.strings.join(["unsupported sample rate ", tf.as_string(rate), " Hz" + advice]),
        ),
        (
            (promised - held > tf.maximum(data, COUNTED_ITSELF)) & (promised < STREAMED),
            tf.strings.join(["cut short: ", tf.as_string(promised - held), " bytes are missing; send it whole"]),
        ),
        (2 * frames * sample_rate < rate, "empty: holds no samples; record it again"),  # none after resampling either
        (frames > MAX_HOURS * 3600 * rate, f"longer than {MAX_HOURS} hours; cut it into shorter files"),
    ]
    faults = tf.fill(tf.shape(contents), "")
    for wrong, fault in reversed(cases):
        faults = tf.where(wrong, fault, faults)
    sound = faults == ""
    safe = {"data": data, "frames": frames, "channels": channels, "rate": rate, "divisor": divisor}
    harmless = {"data": 0, "frames": 0, "channels": 1, "rate": sample_rate, "divisor": sample_rate}
    return {name: tf.where(sound, value, harmless[name]) for name, value in safe.items()}, faults


def _cut(contents, start, count):
    """`count` bytes of each string from `start` on, zeros where it has none."""
    start = tf.clip_by_value(start, 0, tf.cast(tf.strings.length(contents), tf.int64))
    part = tf.strings.substr(contents, start, tf.fill(tf.shape(start), tf.constant(count, tf.int64)))
    return tf.strings.substr(tf.strings.join([part, b"\0" * count]), 0, count)


def _number(contents, start, count):
    """Little-endian unsigned number of `count` bytes at `start` of each string: int64 `(batch,)`."""
    eight = tf.strings.join([_cut(contents, start, count), b"\0" * (8 - count)])
    return tf.reshape(tf.io.decode_raw(eight, tf.int64), tf.shape(contents))


def _divisor(rate, sample_rate):
    """Greatest common divisor, elementwise, int64."""
    pair = (rate, tf.fill(tf.shape(rate), tf.constant(sample_rate, tf.int64)))
    step = lambda a, b: (tf.where(b > 0, b, a), tf.where(b > 0, a % tf.maximum(b, 1), 0))  # noqa: E731
    return tf.while_loop(lambda a, b: tf.reduce_any(b > 0), step, pair)[0]
