"""Answers on corpora left out, as numbers: recall, calibration, and what is right among what is answered."""

import numpy as np
from scipy.optimize import minimize_scalar
from voices_record import probes

from emohrnet_tf.evaluation.calibration import clip_probabilities
from emohrnet_tf.evaluation.metrics import calibration_error

GROUPS = ["neutral", "happiness", "sadness", "anger", "fear", "disgust", "surprise"]  # neutral holds calm
FOUR = 4  # the first of them are asked of every corpus
ANSWERED = 0.55  # share of the other corpora's clips that the threshold is to leave


def grouped(logits, merged):
    """Logits of the eight labels -> of the seven groups, calm with neutral: their probabilities are added up."""
    if merged:  # calm was never a label of its own
        return np.concatenate([logits[:, :1], logits[:, 2:]], axis=1)
    return np.concatenate([np.logaddexp(logits[:, :1], logits[:, 1:2]), logits[:, 2:]], axis=1)


def uar(true, answers):
    return float(np.mean([(answers[true == k] == k).mean() for k in np.unique(true)]))


def best_temperature(probabilities, true):
    """Of least negative log-likelihood; `probabilities` is a function of the temperature."""
    loss = lambda log: -np.log(probabilities(np.exp(log))[np.arange(len(true)), true] + 1e-7).mean()  # noqa: E731
    return float(np.exp(minimize_scalar(loss, bounds=(np.log(0.3), np.log(20)), method="bounded").x))


def judge(answers, settings):
    """Per corpus and way of use, and the means over corpora.

    Args:
        answers: for each corpus left out: `label` of its clips, `owners`, and logits of its windows: `plain` and
            perhaps `speaker`; `probe`, of what is no speech. "speakers" are of RAVDESS, with eight labels.
        settings: of the recipe.
    """
    if "speakers" in answers:
        return known_corpus(answers["speakers"])
    truth = {c: np.maximum(answers[c]["label"] - 1, 0) for c in answers}
    corpora, result, no_speech = {c: {} for c in answers}, {}, {}
    for way in [way for way in ("plain", "speaker") if all(way in a for a in answers.values())]:
        cool = lambda c, t: clip_probabilities(grouped(answers[c][way], settings["merge"]), answers[c]["owners"], t)  # noqa: B023, E731
        four = lambda p, t: p[:, np.unique(t[t < FOUR])] / p[:, np.unique(t[t < FOUR])].sum(1, keepdims=True)  # noqa: E731
        fitted = {c: best_temperature(lambda t: cool(c, t), truth[c]) for c in answers}  # noqa: B023
        for c in answers:
            others = [o for o in answers if o != c] or [c]
            temperature = float(np.exp(np.median([np.log(fitted[o]) for o in others])))
            row = {"temperature": temperature, "fitted": fitted[c]}
            for task in ("free", "four"):
                p, t = cool(c, temperature), truth[c]
                pairs = [(cool(o, temperature), truth[o]) for o in others]
                if task == "four":
                    kept, names = t < FOUR, np.unique(t[t < FOUR])
                    p, t = four(p, t)[kept], np.searchsorted(names, t[kept])
                    pairs = [(four(q, u)[u < FOUR], u) for q, u in pairs]
                sure = p.max(axis=1)
                threshold = np.mean([np.quantile(q.max(axis=1), 1 - ANSWERED) for q, _ in pairs])
                answered, right = sure >= threshold, p.argmax(axis=1) == t
                row[task] = {
                    "clips": len(t), "uar": uar(t, p.argmax(axis=1)), "war": float(right.mean()),
                    "confidence": float(sure.mean()), "ece": calibration_error(right, sure),
                    "threshold": float(threshold), "answered": float(answered.mean()),
                    "right": float(right[answered].mean()) if answered.any() else None,
                }  # fmt: skip
            row["recall"] = {
                GROUPS[k]: float((cool(c, 1.0).argmax(1) == k)[truth[c] == k].mean()) for k in np.unique(truth[c])
            }
            corpora[c][way] = row
        if way == "plain" and all("probe" in a for a in answers.values()):
            sure = [grouped(a["probe"], settings["merge"]) / corpora[c][way]["temperature"] for c, a in answers.items()]
            sure = [clip_probabilities(logits, np.arange(len(logits))).max(axis=1) for logits in sure]
            no_speech = dict(zip(probes(0.01), np.mean(sure, axis=0).round(3).tolist()))
        result[way] = {
            task: {
                key: float(np.mean([corpora[c][way][task][key] or 0 for c in answers]))
                for key in ("uar", "war", "confidence", "ece", "answered", "right")
            }
            for task in ("four", "free")
        }
    return {"mean": result, "corpora": corpora, "no_speech": no_speech}


def known_corpus(answer):
    """Eight labels of speakers left out."""
    ways = [way for way in ("plain", "speaker") if way in answer]
    right = {way: clip_probabilities(answer[way], answer["owners"]).argmax(axis=1) for way in ways}
    return {"eight": {way: uar(answer["label"], said) for way, said in right.items()}}


def summary(result):
    """One line of a result."""
    text = f"{result['name']:26s}"
    if "eight" in result:
        return text + "".join(f" | {way} {100 * value:.1f} of eight labels" for way, value in result["eight"].items())
    for way, row in result["mean"].items():
        each = " ".join(f"{100 * c[way]['four']['uar']:.0f}" for c in result["corpora"].values())
        four, free = row["four"], row["free"]
        text += f" | {way} {100 * four['uar']:.1f} ({each}) ece {four['ece']:.2f}"
        text += f" {four['answered']:.2f}@{four['right']:.2f}"
        text += f" free {100 * free['uar']:.1f} ece {free['ece']:.2f} {free['answered']:.2f}@{free['right']:.2f}"
    seconds = sum(fold["seconds"] for fold in result["training"].values())
    return text + f" | {seconds:.0f} s loss " + " ".join(f"{fold['loss']:.2f}" for fold in result["training"].values())
