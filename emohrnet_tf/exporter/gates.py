"""What every format of an export must hold, against Keras and against the truth."""

import numpy as np
from scipy.stats import beta

from emohrnet_tf.model.sphere import DIMENSIONS, concordance

INT8_CLIPS = 250  # from here on a figure itself is held to its limit; of fewer, what it proves
MARGIN = 0.2  # int8 must agree where float32 is this sure
# largest difference of a probability from Keras
EXACT, HALF, RESAMPLED = 1e-4, 1e-2, 0.05
AGREEMENT, LOST_ACCURACY = 0.98, 0.01
# the same of valence, arousal and dominance, in -1..1
EXACT_VAD, HALF_VAD, LOST_CCC = 1e-3, 1e-2, 0.02


def missed(verification):
    """Gates that were missed, as sentences."""
    return [
        f"{g['format']}: {g['gate']} {g['value']:.2g}, at most {g['limit']:.2g}"
        for g in verification["gates"]
        if g["passed"] is False
    ]


def gate_of(form, gate, value, limit, note=""):
    passed = bool(value <= limit + 1e-9)
    return {"format": form, "gate": gate, "value": float(value), "limit": limit, "passed": passed, "note": note}


def share_gate(form, gate, count, clips, limit, better=0):
    """A gate of a share of clips, with the exact bounds of Clopper & Pearson (Biometrika 1934), each of 95 %.

    Of `INT8_CLIPS` or more the share itself is held to its limit. Fewer clips miss it where they prove that it is
    missed, by the lower bound; the upper one says how much they leave open. Clips that got `better` count against it.
    """
    low = beta.ppf(0.05, count, clips - count + 1) if count else 0.0
    high = beta.ppf(0.95, count + 1, clips - count) if count < clips else 1.0
    other = f", and {better} the other way" if better else ""
    note = f"{count} of {clips} clips{other}; at most {100 * high:.1f} % (95 %)"
    judged = gate_of(form, gate, (count - better) / clips, limit, note)
    return judged | {"passed": judged["passed"] or bool(clips < INT8_CLIPS and low - better / clips <= limit)}


class Judge:
    """What each format says, held against Keras and against the truth.

    Args:
        keras: `windows.clip_answers` of the model.
        speech: how many of its rows are clips; the rest are made-up sounds.
        true, cube: of `verify`.
    """

    def __init__(self, keras, speech, true=None, cube=None):
        self.keras, self.speech = keras, speech
        self.true = None if true is None or (np.asarray(true) < 0).all() else np.asarray(true)
        self.cube = None if cube is None or np.isnan(cube).any(axis=1).all() else np.asarray(cube)

    def asked(self, answers):
        """What a format is asked about, of all that it answers."""
        return [(name, answers[name]) for name in ("probabilities", "dimensions") if name in answers]

    def name(self, form, output):
        """A format's name, with its second answer's where it gives two."""
        two = len(self.asked(self.keras)) == 2 and not form.startswith("tflite/")
        return f"{form} vad" if two and output == "dimensions" else form

    def figures(self, form, answers):
        """`{format: figures}`, one for each thing that the format answers."""
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
            found[self.name(form, output)] = figures
        return found

    def gates(self, form, answers, formats):
        """What a format must hold: closeness in float, agreement, accuracy and CCC in int8."""
        gates = []
        for output, values in self.asked(answers):
            name, exact, half = self.name(form, output), EXACT, HALF
            if output == "dimensions":
                exact, half = EXACT_VAD, HALF_VAD
            if not form.endswith("int8"):
                limit = half if form.endswith("float16") else exact
                gates.append(gate_of(name, "largest difference", formats[name]["largest_difference"], limit))
            elif output == "probabilities":
                gates += self._int8_gates(name, values, formats)
            elif formats[name]["ccc"] is not None and form.endswith("_int8") and "dynamic" not in form:
                lost = formats[self.name("keras", output)]["ccc"] - formats[name]["ccc"]
                gates.append(self._ccc_gate(name, values, lost))
        return gates

    def _ccc_gate(self, form, values, lost):
        """Of mean CCC lost, by a paired bootstrap over the clips where there are few."""
        known = ~np.isnan(self.cube).any(axis=1)
        true, ours = self.cube[known], (self.keras["dimensions"][: self.speech][known], values[: self.speech][known])
        rows = np.random.default_rng(0).integers(0, len(true), (500, len(true)))
        drawn = [np.subtract(*(concordance(true[r], x[r]).mean() for x in ours)) for r in rows]
        least, most = np.nanpercentile(drawn, [5, 95])
        note = f"{least:.3f} to {most:.3f} by {len(true)} clips (90 %)"
        judged = gate_of(form, "CCC lost", lost, LOST_CCC, note)
        return judged | {"passed": judged["passed"] or bool(len(true) < INT8_CLIPS and not least > LOST_CCC)}

    def _int8_gates(self, form, scores, formats):
        keras = self.keras["probabilities"][: self.speech]
        ordered = np.sort(keras, axis=1)
        sure = ordered[:, -1] - ordered[:, -2] > MARGIN
        same = scores[: self.speech].argmax(axis=1) == keras.argmax(axis=1)
        figures, gates = formats[form], []
        figures["agreement_where_sure"] = float(same[sure].mean()) if sure.any() else None
        if figures["agreement_where_sure"] is not None:
            wrong, of = int((~same[sure]).sum()), int(sure.sum())
            gates.append(share_gate(form, "top label disagrees where sure", wrong, of, 1 - AGREEMENT))
        if figures["accuracy"] is not None and "dynamic" not in form:  # dynamic_int8's is reported
            known = self.true >= 0
            right = [(x.argmax(axis=1) == self.true)[known] for x in (keras, scores[: self.speech])]
            worse, better = int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())
            gates.append(share_gate(form, "accuracy lost", worse, int(known.sum()), LOST_ACCURACY, better))
        return gates
