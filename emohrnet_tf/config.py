"""Every setting of a run, in six frozen groups, and the presets `paper` and `tuned`."""

import contextlib
import dataclasses
import json
from dataclasses import dataclass, field

from emohrnet_tf.errors import InputError

EMOTIONS = ("neutral", "calm", "happiness", "sadness", "anger", "fear", "disgust", "surprise")  # the field's eight


@dataclass(frozen=True)
class Audio:
    """What the network sees: one window of `frames` frames of log-mel.

    `frames * hop / sample_rate` is the window in seconds: 192 frames are 3.072 s, 256 are 4.096 s, 320 are 5.12 s and
    448 are 7.168 s.
    """

    sample_rate: int = 16000
    frames: int = 256
    n_fft: int = 1024
    hop: int = 256
    mels: int = 64
    mel_min_hz: float = 50.0
    mel_max_hz: float = 8000.0

    @property
    def samples(self):
        """Samples of a window."""
        return self.frames * self.hop

    def front_end(self):
        """Keyword arguments of `features.log_mel` and `LogMelSpectrogram`."""
        return {name: value for name, value in dataclasses.asdict(self).items() if name != "frames"}


@dataclass(frozen=True)
class Data:
    """By what labels clips go, and how often each is shown.

    `merge` gives labels other names, "calm=neutral", several with commas. With `balance` an epoch, which has as many
    clips as the training part, takes as many from every corpus and in a corpus from every speaker; null does so where
    several corpora train, true and false always or never.
    """

    merge: str = ""
    balance: bool | None = None


@dataclass(frozen=True)
class Augmentation:
    """What training does to a clip; shares are of the window's frames.

    `random_offset` places a short clip anywhere in its window and cuts a long one anywhere; `filled_share` of the
    short clips are repeated until the window is full. `noise_share` of the windows get white noise, `noise_snr_db` to
    40 dB below them. `equalizer_db` is the largest gain of a random smooth equaliser; `high_cut_share` of the windows
    lose what is above a random 3 to 8 kHz. `freq_mask_bins="pitch"` and `time_mask_share="duration"` are measured on
    the training part, as the paper sets them, and replaced by numbers in the run's configuration. `mixup` is the alpha
    of mixup's beta distribution (arXiv 1710.09412); 0 turns it off.
    """

    random_offset: bool = True
    filled_share: float = 0.3
    time_shift_share: float = 0.15
    freq_masks: int = 2
    freq_mask_bins: int | str = 12
    time_masks: int = 2
    time_mask_share: float | str = 0.15
    tempo_spread: float = 0.0
    vocal_tract_spread: float = 0.0
    noise_share: float = 0.0
    noise_snr_db: float = 10.0
    equalizer_db: float = 0.0
    high_cut_share: float = 0.0
    mixup: float = 0.0

    def log_mel(self):
        """Keyword arguments of `augment.Augment`: what happens to one log-mel."""
        names = "time_shift_share freq_masks freq_mask_bins time_masks time_mask_share tempo_spread vocal_tract_spread"
        return {name: getattr(self, name) for name in names.split()}


@dataclass(frozen=True)
class Network:
    """The network: see `emohrnet_tf.model.hrnet`."""

    architecture: str = "small"
    stem: str | None = None
    fuse_filters: int | None = None
    dropout: float = 0.0


@dataclass(frozen=True)
class Head:
    """What the network answers: emotions, valence-arousal-dominance on a sphere (`emohrnet_tf.model.sphere`), or both.

    `kind` is "categorical", "vad" or "joint"; all else concerns the dimensions. `pooling`, `bands`, `width`, `dropout`
    and `weighting` are those of `heads.sphere_head` and `losses.SphereLosses`. The regions are the paper's octants, or
    with a `step` in degrees an angular grid, with a region of its own within `neutral_radius`. `center` is "midpoint",
    of the labels' scale, or "neutral", the mean of the training part's neutral clips.
    """

    kind: str = "categorical"
    pooling: str = "style"
    bands: int = 4
    width: int = 64
    dropout: float = 0.1
    weighting: str = "dynamic"
    step: int | None = None
    neutral_radius: float = 0.0
    center: str = "midpoint"

    @property
    def emotions(self):
        """Whether the network names emotions."""
        return self.kind != "vad"

    @property
    def dimensions(self):
        """Whether the network gives valence, arousal and dominance."""
        return self.kind != "categorical"


@dataclass(frozen=True)
class Training:
    """Optimisation by Adam.

    `weight_decay` is decoupled (AdamW); the coupled one is added to the gradients (torch). The rate is set once an
    epoch: "constant" or "cosine", after `warmup_epochs` of linear rise. Held-out clips are scored every
    `evaluate_every` epochs and after the last. `choose` says whose weights the run is about: "validation", the epoch
    of highest validation accuracy, or "last", which leaves nothing to choose. `initial` is a model to start from.
    `train_on_validation` gives the validation clips to training too, once a recipe is settled: nothing is left to
    choose an epoch or a temperature by.
    """

    epochs: int = 100
    batch_size: int = 64
    learning_rate: float = 1e-3
    schedule: str = "constant"
    warmup_epochs: int = 0
    weight_decay: float = 0.0
    coupled_weight_decay: float = 0.0
    label_smoothing: float = 0.0
    mixed_precision: bool = False
    evaluate_every: int = 1
    choose: str = "validation"
    initial: str | None = None
    train_on_validation: bool = False


@dataclass(frozen=True)
class Config:
    """All settings of a run; `Config.from_dict(config.to_dict()) == config`, and an unknown key is an error.

    Example:
        >>> preset("paper").audio.frames
        320
    """

    data: Data = field(default_factory=Data)
    audio: Audio = field(default_factory=Audio)
    augmentation: Augmentation = field(default_factory=Augmentation)
    network: Network = field(default_factory=Network)
    head: Head = field(default_factory=Head)
    training: Training = field(default_factory=Training)

    def to_dict(self):
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, groups):
        return cls().replace(groups)

    def replace(self, groups):
        """A copy with some settings changed, e.g. `{"training": {"epochs": 12}}`."""
        names = {f.name for f in dataclasses.fields(self)}
        _refuse_unknown(groups, names, "group of settings")
        changed = {}
        for name, values in groups.items():
            group = getattr(self, name)
            types = {f.name: f.type for f in dataclasses.fields(group)}
            _refuse_unknown(values, types, f"setting of {name!r}")
            for key, value in values.items():
                if not _fits(value, types[key]):
                    raise InputError(f"Setting {name}.{key} must be {_spell(types[key])}. Received: {value!r}")
            floats = {key: float(value) for key, value in values.items() if types[key] is float}  # 1 for 1.0
            changed[name] = dataclasses.replace(group, **values | floats)
        return dataclasses.replace(self, **changed)

    def override(self, assignments):
        """A copy with `group.key=value` strings applied, the values read as JSON.

        Example:
            >>> preset("paper").override(["training.epochs=12"]).training.epochs
            12
        """
        groups = {}
        for assignment in assignments:
            name, equals, value = assignment.partition("=")
            group, dot, key = name.partition(".")
            if not (equals and dot):
                raise InputError(f"A setting reads group.key=value, e.g. training.epochs=12. Received: {assignment!r}")
            with contextlib.suppress(json.JSONDecodeError):  # a bare word is a string
                value = json.loads(value)
            groups.setdefault(group, {})[key] = value
        return self.replace(groups)


# `tuned` was chosen on validation clips alone (docs/results/experiments.md).
# `paper` is the stated recipe of EmoHRNet (Muppidi & Radfar, ICASSP 2024, section 3), and what the paper leaves
# open: deviations and choices are listed by `PAPER_CHOICES`, which every report of the preset carries.
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
        "training": {
            "batch_size": 32,
            "learning_rate": 3e-3,
            "schedule": "cosine",
            "warmup_epochs": 2,
            "weight_decay": 0.01,
            "evaluate_every": 5,
            "choose": "last",
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
    """The `Config` of a preset: `paper` or `tuned`."""
    if name not in PRESETS:
        raise InputError(f"Unknown preset: choose one of {', '.join(PRESETS)}. Received: {name!r}")
    return Config.from_dict(PRESETS[name])


def _refuse_unknown(given, known, what):
    if not isinstance(given, dict):
        raise InputError(f"Settings come as a dictionary of {what}s. Received: {given!r}")
    for key in given:
        if key not in known:
            raise InputError(f"Unknown {what}: choose one of {', '.join(sorted(known))}. Received: {key!r}")


def _fits(value, kind):
    kinds = kind.__args__ if hasattr(kind, "__args__") else (kind,)
    if isinstance(value, bool):
        return bool in kinds
    return isinstance(value, tuple(kinds)) or (isinstance(value, int) and float in kinds)


def _spell(kind):
    return getattr(kind, "__name__", str(kind))
