"""Settings by name: the paper's recipe, and those that the project has measured."""

from emohrnet_tf.config import Config
from emohrnet_tf.errors import InputError

_COSINE = {"batch_size": 32, "learning_rate": 3e-3, "schedule": "cosine", "warmup_epochs": 2, "weight_decay": 0.01}

# `paper` is the stated recipe of EmoHRNet (Muppidi & Radfar, ICASSP 2024, section 3), and what the paper leaves
# open: deviations and choices are listed by `PAPER_CHOICES`, which every report of the preset carries.
# `tuned`, for voices not heard before, was chosen on validation clips alone (docs/results/experiments.md).
# `known_speakers`, where the speakers to come are those of the corpus (docs/results/known.md), keeps their levels and
# what tells them apart, and names the speaker on the way to the emotion.
# `quick` is for made-up voices and first tries: a small network and few epochs, with light masks, because strength
# must follow the budget, and the last epoch of its cosine, because two validation speakers choose badly.
PRESETS = {
    "paper": {
        "audio": {"frames": 320},
        "augmentation": {"freq_mask_bins": "pitch", "time_mask_share": "duration"},
        "training": {"coupled_weight_decay": 1e-4},
    },
    "tuned": {
        "audio": {"frames": 192},
        "augmentation": {
            **{"tempo_spread": 0.2, "vocal_tract_spread": 0.12},
            **{"equalizer_db": 6.0, "noise_share": 0.3, "high_cut_share": 0.1},
        },
        "training": {**_COSINE, "evaluate_every": 5, "choose": "last"},
    },
    "known_speakers": {
        "audio": {"frames": 192, "normalize": "corpus"},
        "augmentation": {"filled_share": 0.0, "tempo_spread": 0.1, "freq_mask_bins": 8, "time_mask_share": 0.1},
        "training": {
            **_COSINE,
            **{"joint_speakers": True, "label_smoothing": 0.1},
            **{"evaluate_every": 20, "choose": "last", "train_on_validation": True},
        },
    },
    "voices": {
        "data": {"merge": "calm=neutral"},
        "audio": {"frames": 128, "normalize": "level"},
        "augmentation": {
            **{"filled_share": 0.0, "time_shift_share": 0.0, "vocal_tract_spread": 0.08},
            **{"freq_mask_bins": 6, "time_mask_share": 0.1},
            **{"equalizer_db": 4.0, "noise_share": 0.0, "noise_snr_db": 5.0, "high_cut_share": 0.1},
        },
        "network": {"architecture": "none", "functionals": True, "melody": 10.0, "reference": True, "dropout": 0.1},
        "training": {
            **{"epochs": 24, "batch_size": 64, "learning_rate": 4e-3, "schedule": "cosine", "warmup_epochs": 1},
            **{"weight_decay": 1.5, "label_smoothing": 0.1, "evaluate_every": 100, "choose": "last", "by_corpus": True},
        },
    },
    "quick": {
        "audio": {"frames": 160},
        "augmentation": {
            **{"filled_share": 0.1, "freq_masks": 1, "freq_mask_bins": 4},
            **{"time_masks": 1, "time_mask_share": 0.05},
        },
        "network": {"architecture": "tiny"},
        "training": {
            **{"epochs": 20, "batch_size": 32, "evaluate_every": 5, "learning_rate": 4e-3, "schedule": "cosine"},
            **{"coupled_weight_decay": 1e-4, "choose": "last"},  # of a cosine: two validation speakers choose badly
        },
    },
}
PAPER_CHOICES = [
    "Stated: cross-entropy, Adam 0.001/0.9/0.999, weight decay 1e-4 (coupled, as torch's Adam), 100 "
    "epochs, batch 64, epoch of highest validation accuracy, random time shift, SpecAugment.",
    "Open: body. HRNet-W18-small-v1 with HRNet's stem of two stride-2 convolutions.",
    "Open: audio. 16 kHz, 1024-point Hann STFT, hop 256, 64 HTK mels of 50-8000 Hz, 5.12 s windows, level normalised "
    "before the log, each window standardised.",
    "Open: masks. Two of each, filled with the window's mean; F is the 5-95 % spread of pitch in the training part in "
    "mel bins, T is 15 % of its median clip duration.",
    "Open: shift. Up to 15 % of the window, circular; clips lie at random offsets, 30 % of short ones fill the window.",
    "Open: batches. The last incomplete batch of an epoch is dropped.",
]


def preset(name):
    """The `Config` of a preset: `paper`, `tuned`, `known_speakers`, `voices` or `quick`."""
    if name not in PRESETS:
        raise InputError(f"Unknown preset: choose one of {', '.join(PRESETS)}. Received: {name!r}")
    return Config.from_dict(PRESETS[name])


def preset_name(config):
    """The preset whose settings a configuration has, or None; either arithmetic is the same recipe."""
    plain = config.replace({"training": {"mixed_precision": False}})
    return next((name for name in PRESETS if preset(name) == plain), None)
