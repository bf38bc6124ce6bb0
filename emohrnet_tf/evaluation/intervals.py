"""How sure a score is: intervals by clip (bootstrap) and by speaker (jackknife with Student's t)."""

import numpy as np

from emohrnet_tf.errors import InputError

LEVEL = 0.95  # of the intervals


def jackknife(score, without, low, high):
    """Student's t interval around scores, from the scores without each unit in turn (Efron & Stein 1981).

    Args:
        score: `(scores,)` of all units.
        without: `(units, scores)`.
        low, high: ends that no score passes.

    Returns:
        `(scores, 2)`.
    """
    from scipy.stats import t

    units = len(without)
    error = np.sqrt((units - 1) / units * ((without - score) ** 2).sum(axis=0))
    reach = t.ppf(0.5 + LEVEL / 2, units - 1) * error
    return np.clip(np.stack([score - reach, score + reach], axis=-1), low, high)


def recall_speaker_interval(speaker_of, true, predicted, classes):
    """Intervals of UAR and WAR over speakers, by leaving out each of them in turn."""
    support, hits = np.zeros((speaker_of.max() + 1, classes)), np.zeros((speaker_of.max() + 1, classes))
    np.add.at(support, (speaker_of, true), 1)
    np.add.at(hits, (speaker_of, true), predicted == true)

    def scores(support, hits):
        present = support > 0
        return np.array([(hits[present] / support[present]).mean(), hits.sum() / support.sum()])

    support_all, hits_all = support.sum(axis=0), hits.sum(axis=0)
    without = np.stack([scores(support_all - a, hits_all - b) for a, b in zip(support, hits)])
    limits = jackknife(scores(support_all, hits_all), without, 0.0, 1.0)
    return {"uar": limits[0].tolist(), "war": limits[1].tolist()}


def recall_interval(unit_of, true, predicted, classes, bootstrap, seed):
    """Percentile intervals of UAR and WAR when units (clips) are drawn with replacement."""
    units = unit_of.max() + 1
    support, hits = np.zeros((units, classes)), np.zeros((units, classes))
    np.add.at(support, (unit_of, true), 1)
    np.add.at(hits, (unit_of, true), predicted == true)
    random, uar, war = np.random.default_rng(seed), [], []
    for _ in range(bootstrap):
        drawn = random.multinomial(units, np.full(units, 1 / units))
        support_drawn, hits_drawn = drawn @ support, drawn @ hits  # (classes,)
        present = support_drawn > 0
        uar.append((hits_drawn[present] / support_drawn[present]).mean())
        war.append(hits_drawn.sum() / support_drawn.sum())
    tails = [50 * (1 - LEVEL), 50 * (1 + LEVEL)]
    return {"uar": np.percentile(uar, tails).tolist(), "war": np.percentile(war, tails).tolist()}


def numbered_speakers(true, speakers):
    """Names -> `(sorted names, number of each clip's speaker)`, -1 for a clip whose speaker is None or NaN."""
    speakers = list(speakers)
    if len(speakers) != len(true):
        raise InputError(f"speakers: one for each of the {len(true)} clips. Received: {len(speakers)!r}")
    known = np.array([speaker is not None and speaker == speaker for speaker in speakers], bool)  # NaN is not itself
    speaker_of = np.full(len(speakers), -1)
    names, speaker_of[known] = np.unique([str(s) for s, is_ in zip(speakers, known) if is_], return_inverse=True)
    return names.tolist(), speaker_of
