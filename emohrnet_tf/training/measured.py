"""Settings that are measured on the training clips: statistics of the front end, and the paper's masks."""

import pandas as pd

from emohrnet_tf.data.augment import paper_mask_limits
from emohrnet_tf.data.balance import of_clips
from emohrnet_tf.model.statistics import band_statistics, usual_spectrum


def with_measured(config, clips, rows):
    """The configuration with what it leaves to be measured on the training clips: statistics, the paper's masks."""
    if config.audio.normalize == "corpus":
        config = config.replace({"audio": {"statistics": band_statistics(map(clips.waveform, rows), config.audio)}})
    if config.audio.normalize == "level":
        config = config.replace({"audio": {"statistics": usual_spectrum(voices_of(clips, rows), config.audio)}})
    settings = config.augmentation
    if settings.freq_mask_bins != "pitch" and settings.time_mask_share != "duration":
        return config
    bins, share = paper_mask_limits((clips.waveform(row) for row in rows), config.audio)
    changed = {"freq_mask_bins": bins} if settings.freq_mask_bins == "pitch" else {}
    changed |= {"time_mask_share": share} if settings.time_mask_share == "duration" else {}
    return config.replace({"augmentation": changed})


def voices_of(clips, rows):
    """Waveforms of some clips, by corpus and by voice: of `statistics.usual_spectrum`."""
    number, _ = of_clips(clips.index.iloc[rows])
    voices = pd.Series(rows).groupby(number)
    corpora = clips.index.corpus if "corpus" in clips.index else pd.Series("", clips.index.index)
    found = {}
    for _, own in voices:
        found.setdefault(corpora.iloc[own.iloc[0]], []).append(map(clips.waveform, own))
    return list(found.values())
