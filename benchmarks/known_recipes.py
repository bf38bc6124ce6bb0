"""The recipes of `known.py`: what each changes in `BASE`, one thing at a time."""

from narrower import NARROWER, slug

BASE = {
    "normalize": "corpus",  # or "window"
    "floor": 1e-4,  # added to the mel power under the logarithm, with "corpus"
    "deltas": 0,  # further input planes: first and second differences over time
    "frames": 192,
    "architecture": "lite",
    "stem": None,
    "pooling": "mean",  # "statistics": mean and deviation over time, frequency kept
    "fuse_filters": None,
    "dropout": 0.0,
    "joint": False,  # classes are speaker and emotion; probabilities are summed over speakers
    "auxiliary": [],  # columns of the index that further outputs name in training: sentence, statement, intensity
    "auxiliary_weight": 0.3,
    "epochs": 100,
    "batch_size": 32,
    "learning_rate": 3e-3,
    "weight_decay": 0.01,
    "label_smoothing": 0.0,
    "mixup": 0.0,
    "ema": 0.0,  # decay of the weights' average, with batch-norm statistics taken anew
    "reestimate": False,  # batch-norm statistics are taken anew without it, too
    "time_shift_share": 0.15,
    "tempo_spread": 0.1,
    "vocal_tract_spread": 0.0,
    "freq_mask_bins": 8,
    "time_mask_share": 0.1,
    "policy": "float32",  # "mixed_bfloat16" is faster for larger networks
    "gain_db": 0.0,  # largest change of a clip's level in training, either way
    "noise_db": None,  # white noise with training: highest level over the floor; its level is uniform in dB
    "test_gain_db": 0.0,  # level of the judged clips
    "shifts": 1,  # places in the window from which a clip is judged
}
SMOOTHING = {"label_smoothing": 0.1}
JOINT = {**SMOOTHING, "joint": True}
STRONG = {"tempo_spread": 0.2, "freq_mask_bins": 12, "time_mask_share": 0.15}
SMALL = {**JOINT, "architecture": "small", "policy": "mixed_bfloat16"}
NARROW = "stem 32, bottleneck 24, last fuse 128"
RECIPES = {  # by name: what differs from BASE
    "corpus": {},
    "window": {"normalize": "window"},
    "statistics": {"pooling": "statistics"},
    "floor_1e-6": {"floor": 1e-6},
    "floor_1e-2": {"floor": 1e-2},
    "deltas": {"deltas": 2},
    "smoothing": SMOOTHING,
    "mixup": {"mixup": 0.3},
    "joint": {"joint": True},
    "smoothing_joint": JOINT,
    "joint_mixup": {**JOINT, "mixup": 0.3},
    "joint_epochs_200": {**JOINT, "epochs": 200},
    "joint_batch_16": {**JOINT, "batch_size": 16},
    "joint_gain_noise": {**JOINT, "gain_db": 6.0, "noise_db": 30.0},
    "joint_gain": {**JOINT, "gain_db": 6.0},
    "joint_noise": {**JOINT, "noise_db": 30.0},
    "joint_window": {**JOINT, "normalize": "window"},
    "joint_sentence": {**JOINT, "auxiliary": ["sentence"]},
    "joint_statement_intensity": {**JOINT, "auxiliary": ["statement", "intensity"]},
    "joint_strong": {**JOINT, **STRONG},
    "joint_floor_1e-6": {**JOINT, "floor": 1e-6},
    "joint_floor_1e-2": {**JOINT, "floor": 1e-2},
    "joint_deltas": {**JOINT, "deltas": 2},
    "joint_frames_288": {**JOINT, "frames": 288},
    "joint_small": {**JOINT, "architecture": "small"},
    "joint_stride2": {**JOINT, "stem": "stride2"},
    "joint_decay": {**JOINT, "weight_decay": 0.3},
    "joint_dropout": {**JOINT, "dropout": 0.3},
    "joint_ema": {**JOINT, "ema": 0.99},
    "joint_shifts": {**JOINT, "shifts": 5},
    "small_mixup": {**SMALL, "mixup": 0.3},
    "small_strong": {**SMALL, **STRONG},
    "small_vocal_tract": {**SMALL, "vocal_tract_spread": 0.08},
    "small_dropout": {**SMALL, "dropout": 0.3},
    "small_decay": {**SMALL, "weight_decay": 0.3},
    "small_ema": {**SMALL, "ema": 0.99},
    "small_ema_999": {**SMALL, "ema": 0.999},
    "small_reestimate": {**SMALL, "reestimate": True},
    "small_ema_dropout": {**SMALL, "ema": 0.99, "dropout": 0.3},
    "small_ema_strong": {**SMALL, "ema": 0.99, **STRONG},
    "small_ema_dropout_strong": {**SMALL, "ema": 0.99, "dropout": 0.3, **STRONG},
    "small_narrow": {**SMALL, "architecture": slug(NARROW), "fuse_filters": NARROWER[NARROW][1]},
    "small_one_block": {**SMALL, "architecture": slug("one block a branch")},
    "small_shifts": {**SMALL, "shifts": 5},
    "small_floor_1e-6": {**SMALL, "floor": 1e-6},
    "small_frames_256": {**SMALL, "frames": 256},
    "small_epochs_200": {**SMALL, "epochs": 200},
    "small_batch_16": {**SMALL, "batch_size": 16},
    "small_gain_noise": {**SMALL, "gain_db": 6.0, "noise_db": 30.0},
}
