"""The proof that an export tells what its model tells: every door, the same clips, side by side."""

import io

import numpy as np
import soundfile
import tensorflow as tf

from emohrnet_tf.audio.files import load_audio, resample
from emohrnet_tf.audio.silence import SILENCE, spoken_windows
from emohrnet_tf.audio.windows import clip_answers
from emohrnet_tf.exporter.saved_model import NOTHING_SAID
from emohrnet_tf.inference.exported import TFLiteModel
from emohrnet_tf.model.sphere import DIMENSIONS, concordance

RATES = (8000, 22050, 44100, 48000)  # Hz, of the WAV files that the `wav` signature is asked about
RATE_CLIPS = 100  # clips of each rate
INT8_CLIPS = 250  # fewer say nothing of one point of accuracy
MARGIN = 0.2  # int8 must agree where float32 is this sure
# largest difference of a probability from Keras
EXACT, HALF, RESAMPLED = 1e-4, 1e-2, 0.05
AGREEMENT, LOST_ACCURACY = 0.98, 0.01
# the same of valence, arousal and dominance, in -1..1
EXACT_VAD, HALF_VAD, LOST_CCC = 1e-3, 1e-2, 0.02


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
    """A waveform as a 16-bit file would hold it, so that every door hears the same."""
    return (np.clip(np.round(np.asarray(waveform) * 32768), -32768, 32767) / 32768).astype("float32")


def verify(model, saved_model, tflite, clips, true=None, calibrated_on_test=False, cube=None):
    """Run the same sounds through Keras, every signature of the SavedModel and every TFLite file.

    Args:
        model: `EmoHRNet`, the measure of all others.
        saved_model: folder of `saved_model.write_saved_model`.
        tflite: `{kind: path}`.
        clips: waveforms `(samples,)` at the model's rate; speech, of a test part where there is one.
        true: int labels of the clips, for accuracies; -1 where one is not known.
        calibrated_on_test: no clips were kept from calibration, so int8's figures are no gate.
        cube: `(clips, 3)` labels of valence, arousal, dominance in -1..1, for their CCC; NaN where not known.

    Returns:
        JSON-ready `{"doors": {door: figures}, "gates": [{"gate", "value", "limit", "passed"}], "clips", "probes"}`;
        a gate that cannot be judged has `passed` None and says why. A door that gives probabilities and dimensions is
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
    for kind, path in tflite.items():
        answers[f"tflite/{kind}"] = _without_silence(clip_answers(TFLiteModel(path), cut))
    judge = Judge(keras, len(clips), true, cube, calibrated_on_test)
    doors, gates = judge.figures("keras", keras), []
    for door, outputs in answers.items():
        doors |= judge.figures(door, outputs)
        gates += judge.gates(door, outputs, doors)
    for rate in RATES if clips else ():  # what is no speech says nothing of a resampler
        door = f"saved_model/wav at {rate} Hz"
        found, limits = _resampled(signatures["wav"], model, clips[:RATE_CLIPS], rate, door)
        doors |= found
        gates += limits
    return {"clips": len(clips), "probes": len(sounds) - len(clips), "doors": doors, "gates": gates}


def missed(verification):
    """Gates that were missed, as sentences."""
    return [
        f"{g['door']}: {g['gate']} {g['value']:.2g}, at most {g['limit']:.2g}"
        for g in verification["gates"]
        if g["passed"] is False
    ]


def _gate(door, gate, value, limit, judged=True, note=""):
    passed = bool(value <= limit + 1e-9) if judged else None
    return {"door": door, "gate": gate, "value": float(value), "limit": limit, "passed": passed, "note": note}


class Judge:
    """What each door says, held against Keras and against the truth.

    Args:
        keras: `windows.clip_answers` of the model.
        speech: how many of its rows are clips; the rest are made-up sounds.
        true, cube, calibrated_on_test: of `verify`.
    """

    def __init__(self, keras, speech, true=None, cube=None, calibrated_on_test=False):
        self.keras, self.speech, self.calibrated_on_test = keras, speech, calibrated_on_test
        self.true = None if true is None or (np.asarray(true) < 0).all() else np.asarray(true)
        self.cube = None if cube is None or np.isnan(cube).any(axis=1).all() else np.asarray(cube)

    def asked(self, answers):
        """What a door is asked about, of all that it answers."""
        return [(name, answers[name]) for name in ("probabilities", "dimensions") if name in answers]

    def name(self, door, output):
        """A door's name, with its second answer's where it gives two."""
        two = len(self.asked(self.keras)) == 2 and not door.startswith("tflite/")
        return f"{door} vad" if two and output == "dimensions" else door

    def figures(self, door, answers):
        """`{door: figures}`, one for each thing that the door answers."""
        clips, found = slice(self.speech or None), {}  # where there are no clips, the made-up sounds
        for output, values in self.asked(answers):
            figures = {"largest_difference": float(np.abs(values - self.keras[output]).max())}
            if output == "probabilities":
                best = values[clips].argmax(axis=1)
                figures["agreement"] = float((best == self.keras[output][clips].argmax(axis=1)).mean())
                figures["accuracy"] = None
                if self.true is not None:
                    known = self.true >= 0
                    figures["accuracy"] = float((best == self.true)[known].mean())
            else:
                figures |= {"agreement": None, "accuracy": None, "ccc": None}
                if self.cube is not None:
                    known = ~np.isnan(self.cube).any(axis=1)
                    ccc = concordance(self.cube[known], values[: self.speech][known])
                    figures |= {"ccc": float(ccc.mean()), "ccc_of": dict(zip(DIMENSIONS, ccc.tolist()))}
            found[self.name(door, output)] = figures
        return found

    def gates(self, door, answers, doors):
        """What a door must hold: closeness in float, agreement, accuracy and CCC in int8."""
        gates = []
        for output, values in self.asked(answers):
            name, exact, half = self.name(door, output), EXACT, HALF
            if output == "dimensions":
                exact, half = EXACT_VAD, HALF_VAD
            if not door.endswith("int8"):
                limit = half if door.endswith("float16") else exact
                gates.append(_gate(name, "largest difference", doors[name]["largest_difference"], limit))
            elif output == "probabilities":
                gates += self._int8_gates(name, values, doors)
            elif doors[name]["ccc"] is not None and door.endswith("_int8") and "dynamic" not in door:
                lost = doors[self.name("keras", output)]["ccc"] - doors[name]["ccc"]
                gates.append(_gate(name, "CCC lost", lost, LOST_CCC, *self._judged()))
        return gates

    def _judged(self):
        """Whether int8's figures can be judged, and why not."""
        if self.speech >= INT8_CLIPS and not self.calibrated_on_test:
            return True, ""
        have = 0 if self.calibrated_on_test else self.speech
        return False, f"not judged: needs {INT8_CLIPS} clips that calibrated nothing, has {have}"

    def _int8_gates(self, door, scores, doors):
        keras = self.keras["probabilities"][: self.speech]
        ordered = np.sort(keras, axis=1)
        sure = ordered[:, -1] - ordered[:, -2] > MARGIN
        same = scores[: self.speech].argmax(axis=1) == keras.argmax(axis=1)
        figures, gates = doors[door], []
        figures["agreement_where_sure"] = float(same[sure].mean()) if sure.any() else None
        if figures["agreement_where_sure"] is not None:
            disagree = 1 - figures["agreement_where_sure"]
            gates.append(_gate(door, "top label disagrees where sure", disagree, 1 - AGREEMENT, *self._judged()))
        if figures["accuracy"] is not None and "dynamic" not in door:  # dynamic_int8's is reported
            lost = doors["keras"]["accuracy"] - figures["accuracy"]
            gates.append(_gate(door, "accuracy lost", lost, LOST_ACCURACY, *self._judged()))
        return gates


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


def _resampled(signature, model, clips, rate, door):
    """The `wav` signature on files of another rate, against Keras on the same files decoded by soundfile and soxr.

    Returns:
        `(figures, gates)`.
    """
    files = [wav_bytes(resample(clip, model.audio.sample_rate, rate), rate) for clip in clips]
    cut = [spoken_windows(load_audio(file), model.audio.samples, model.audio.sample_rate) for file in files]
    keras = _without_silence(clip_answers(model, cut))
    judge = Judge(keras, len(clips))
    figures = judge.figures(door, _joined([_answers(model, signature(wav=tf.constant([file]))) for file in files]))
    gates = []
    for name, values in figures.items():
        values["clips"] = len(clips)
        gates.append(_gate(name, "largest difference", values["largest_difference"], RESAMPLED))
        if values["agreement"] is not None:
            gates.append(_gate(name, "top label disagrees", 1 - values["agreement"], 1 - AGREEMENT))
    return figures, gates


def wav_bytes(waveform, rate):
    """A mono 16-bit WAV file's bytes."""
    file = io.BytesIO()
    samples = np.clip(np.round(np.asarray(waveform) * 32768), -32768, 32767).astype("int16")
    soundfile.write(file, samples, rate, format="WAV", subtype="PCM_16")
    return file.getvalue()
