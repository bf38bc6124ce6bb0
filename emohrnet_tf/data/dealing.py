"""Speakers dealt to folds."""

import numpy as np

INNER_FOLDS = 8  # validation is one of so many parts of what is not test


def deal(names, count):
    """Deal names to `count` lists with about equal numbers of rows: the most frequent first, to the shortest list."""
    speakers, clips = np.unique(names, return_counts=True)
    lists, totals = [[] for _ in range(count)], [0] * count
    for i in np.argsort(-clips, kind="stable"):
        shortest = min(range(count), key=lambda k: (totals[k], len(lists[k]), k))
        lists[shortest].append(speakers[i])
        totals[shortest] += clips[i]
    return lists
