"""The proof that an export tells what its model tells: every format, the same clips, side by side."""

import io

import numpy as np
import soundfile
import tensorflow as tf

from emohrnet_tf.audio.files import load_audio, resample
from emohrnet_tf.audio.silence import SILENCE, spoken_windows
from emohrnet_tf.audio.windows import clip_answers
from emohrnet_tf.exporter.gates import AGREEMENT, RESAMPLED, Judge, gate_of
from emohrnet_tf.exporter.saved_model import NOTHING_SAID
from emohrnet_tf.inference.exported import TFLiteModel
from emohrnet_tf.inference.onnx import OnnxModel
from emohrnet_tf.model.sphere import DIMENSIONS
from emohrnet_tf.model.voice import Relative

RATES = (8000, 22050, 44100, 48000)  # Hz, of the WAV files that the `wav` signature is asked about
RATE_CLIPS = 100  # clips of each rate


def probes(sample_rate, samples):
    """Sounds that are no speech, on the grid of 16-bit PCM: silence, noise, a tone, clipping, one click, a long hum."""
    random, t = np.random.default_rng(0), np.arange(samples) / sample_rate
    long = np.arange(int(2.3 * samples)) / sample_rate
    sounds = {
        "silence": np.zeros(samples),
        "noise": 0.1 * random.standard_normal(samples),
        "tone": 0.3 * np.sin(2 * np.pi * 440 * t),
        "clipping": np.clip(20 * np.sin(2 * np.pi * 180 * t), -1, 1),
        "click": np.eye(1, samples // 3, 100)[0],
        "long hum": 0.01 * np.sign(np.sin(2 * np.pi * 100 * long)),
    }
    return {name: on_grid(sound) for name, sound in sounds.items()}


def on_grid(waveform):
    """A waveform as a 16-bit file would hold it, so that every format hears the same."""
    return (np.clip(np.round(np.asarray(waveform) * 32768), -32768, 32767) / 32768).astype("float32")


def verify(model, saved_model, tflite, clips, true=None, cube=None, onnx=None):
    """Run the same sounds through Keras, every signature of the SavedModel, every TFLite file and the ONNX file.

    Args:
        model: `EmoHRNet`, the measure of all others.
        saved_model: folder of `saved_model.write_saved_model`.
        tflite: `{kind: path}`.
        clips: waveforms `(samples,)` at the model's rate; speech, of a test part where there is one.
        true: int labels of the clips, for accuracies; -1 where one is not known.
        cube: `(clips, 3)` labels of valence, arousal, dominance in -1..1, for their CCC; NaN where not known.
        onnx: path of the ONNX file, or None.

    Returns:
        JSON-ready `{"formats": {format: figures}, "gates": [{"gate", "value", "limit", "passed"}], "clips", "probes"}`;
        int8's gates say in `note` what so many clips leave open. A format that gives probabilities and dimensions is
        two, the second `... vad`.
    """
    clips = [on_grid(clip) for clip in clips]
    sounds = clips + list(probes(model.audio.sample_rate, model.audio.samples).values())
    cut = [spoken_windows(sound, model.audio.samples, model.audio.sample_rate) for sound in sounds]
    keras = _without_silence(clip_answers(model, cut))
    signatures = tf.saved_model.load(str(saved_model)).signatures
    answers = {
        "saved_model/serving_default": _each(signatures["serving_default"], model, sounds),
        "saved_model/padded": _padded(signatures["padded"], model, sounds),
        "saved_model/wav": _wav(signatures["wav"], model, sounds),
    }
    relative = {kind: path for kind, path in tflite.items() if kind.startswith("reference")}
    for kind, path in tflite.items():
        if kind not in relative:
            answers[f"tflite/{kind}"] = _without_silence(clip_answers(TFLiteModel(path), cut))
    if onnx is not None:
        answers["onnx"] = _without_silence(clip_answers(OnnxModel(onnx), cut))
    judge = Judge(keras, len(clips), true, cube)
    formats, gates = judge.figures("keras", keras), []
    if model.takes_reference:
        found, missed = _with_reference(model, signatures["reference"], relative, sounds, cut, len(clips))
        formats, gates = formats | found, gates + missed
    for form, outputs in answers.items():
        formats |= judge.figures(form, outputs)
        gates += judge.gates(form, outputs, formats)
    for rate in RATES if clips else ():  # what is no speech says nothing of a resampler
        form = f"saved_model/wav at {rate} Hz"
        found, limits = _resampled(signatures["wav"], model, clips[:RATE_CLIPS], rate, form)
        formats |= found
        gates += limits
    return {"clips": len(clips), "probes": len(sounds) - len(clips), "formats": formats, "gates": gates}


def _with_reference(model, signature, tflite, sounds, cut, speech):
    """The same sounds, relative to the mean embedding of them all, through every format that takes a reference.

    Returns:
        `(figures, gates)`.
    """
    usual = np.nanmean(clip_answers(model, cut)["embedding"], axis=0)
    given = tf.constant(usual[None])
    ask = lambda sound: _answers(model, signature(waveform=tf.constant(sound[None]), reference=given))  # noqa: E731
    answers = {"saved_model/reference": _joined([ask(sound) for sound in sounds])}
    for kind, path in tflite.items():
        answers[f"tflite/{kind}"] = _without_silence(clip_answers(Relative(TFLiteModel(path), usual), cut))
    judge, formats, gates = Judge(_without_silence(clip_answers(Relative(model, usual), cut)), speech), {}, []
    for form, outputs in answers.items():
        formats |= judge.figures(form, outputs)
        gates += judge.gates(form, outputs, formats)
    return formats, gates


def _answers(model, outputs):
    """What a signature says, as `clip_answers` says it."""
    for error in outputs["error"].numpy():
        if error and error.decode() != NOTHING_SAID:
            raise RuntimeError(f"The exported graph refuses a whole sound: {error.decode()}")
    answers = {"probabilities": outputs["probabilities"].numpy()} if model.labels else {}
    if model.sphere is not None:
        own = np.stack([outputs[name].numpy() for name in DIMENSIONS], axis=1)
        low, high = model.sphere.low, model.sphere.high
        silent = outputs["error"].numpy() == NOTHING_SAID.encode()
        if model.labels:
            silent = outputs["label"].numpy() == SILENCE.encode()
        answers["dimensions"] = np.where(silent[:, None], 0.0, 2 * (own - low) / (high - low) - 1).astype("float32")
    return answers


def _without_silence(answers):
    """Zeros where a sound is silence, as the signatures answer it."""
    return {name: np.nan_to_num(values) for name, values in answers.items()}


def _joined(parts):
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _each(signature, model, sounds):
    return _joined([_answers(model, signature(waveform=tf.constant(sound[None]))) for sound in sounds])


def _padded(signature, model, sounds, batch=16):
    answers = []
    for start in range(0, len(sounds), batch):
        rows = sounds[start : start + batch]
        padded = np.full((len(rows), max(map(len, rows))), 0.5, "float32")  # what lies beyond must not matter
        for row, sound in zip(padded, rows):
            row[: len(sound)] = sound
        lengths = tf.constant([len(row) for row in rows])
        answers.append(_answers(model, signature(waveform=tf.constant(padded), length=lengths)))
    return _joined(answers)


def _wav(signature, model, sounds, batch=16):
    contents = [wav_bytes(sound, model.audio.sample_rate) for sound in sounds]
    starts = range(0, len(contents), batch)
    return _joined([_answers(model, signature(wav=tf.constant(contents[start : start + batch]))) for start in starts])


def _resampled(signature, model, clips, rate, form):
    """The `wav` signature on files of another rate, against Keras on the same files decoded by soundfile and soxr.

    Returns:
        `(figures, gates)`.
    """
    files = [wav_bytes(resample(clip, model.audio.sample_rate, rate), rate) for clip in clips]
    cut = [spoken_windows(load_audio(file), model.audio.samples, model.audio.sample_rate) for file in files]
    keras = _without_silence(clip_answers(model, cut))
    judge = Judge(keras, len(clips))
    figures = judge.figures(form, _joined([_answers(model, signature(wav=tf.constant([file]))) for file in files]))
    gates = []
    for name, values in figures.items():
        values["clips"] = len(clips)
        gates.append(gate_of(name, "largest difference", values["largest_difference"], RESAMPLED))
        if values["agreement"] is not None:
            gates.append(gate_of(name, "top label disagrees", 1 - values["agreement"], 1 - AGREEMENT))
    return figures, gates


def wav_bytes(waveform, rate):
    """A mono 16-bit WAV file's bytes."""
    file = io.BytesIO()
    samples = np.clip(np.round(np.asarray(waveform) * 32768), -32768, 32767).astype("int16")
    soundfile.write(file, samples, rate, format="WAV", subtype="PCM_16")
    return file.getvalue()
