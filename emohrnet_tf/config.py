"""Every setting of a run, in six frozen groups that check themselves."""

import contextlib
import dataclasses
import json
from dataclasses import dataclass, field, fields

from emohrnet_tf.errors import InputError
from emohrnet_tf.settings import Settings, refuse_unknown, setting

EMOTIONS = ("neutral", "calm", "happiness", "sadness", "anger", "fear", "disgust", "surprise")  # the field's eight


@dataclass(frozen=True)
class Audio(Settings):
    """What the network sees: one window of `frames` frames of log-mel.

    `frames * hop / sample_rate` is the window in seconds: 192 frames are 3.072 s, 256 are 4.096 s, 320 are 5.12 s and
    448 are 7.168 s. `normalize` is "window", "level" or "corpus", see `features.log_mel`; the `statistics` of
    the last two are measured on the training part and replaced by numbers in the run's configuration.
    """

    sample_rate: int = setting(16000, least=1)
    frames: int = setting(256, least=1)
    n_fft: int = setting(1024, least=1)
    hop: int = setting(256, least=1)
    mels: int = setting(64, least=1)
    mel_min_hz: float = setting(50.0, least=0)
    mel_max_hz: float = setting(8000.0, least=0)
    normalize: str = setting("window", "window", "level", "corpus")
    statistics: list | None = setting(None)  # noqa: RUF009

    def __post_init__(self):
        super().__post_init__()
        if self.hop > self.n_fft:
            self.refuse("hop", f"must be at most audio.n_fft, {self.n_fft}")
        if not self.mel_min_hz < self.mel_max_hz <= self.sample_rate / 2:
            limits = f"{self.mel_min_hz:g}, and end at half of audio.sample_rate, {self.sample_rate / 2:g}"
            self.refuse("mel_max_hz", f"must lie above audio.mel_min_hz, {limits}")

    @property
    def samples(self):
        """Samples of a window."""
        return self.frames * self.hop

    def front_end(self):
        """Keyword arguments of `features.log_mel` and `LogMelSpectrogram`."""
        return {name: value for name, value in dataclasses.asdict(self).items() if name != "frames"}


@dataclass(frozen=True)
class Data(Settings):
    """By what labels clips go, and how often each is shown.

    `merge` gives labels other names, "calm=neutral", several with commas. With `balance` an epoch, which has as many
    clips as the training part, takes as many from every corpus and in a corpus from every speaker; null does so where
    several corpora train, true and false always or never.
    """

    merge: str = setting("")
    balance: bool | None = setting(None)


@dataclass(frozen=True)
class Augmentation(Settings):
    """What training does to a clip; shares are of the window's frames.

    `random_offset` places a short clip anywhere in its window and cuts a long one anywhere; `filled_share` of the
    short clips are repeated until the window is full. `noise_share` of the windows get white noise, `noise_snr_db` to
    40 dB below them. `equalizer_db` is the largest gain of a random smooth equaliser; `high_cut_share` of the windows
    lose what is above a random 3 to 8 kHz. `freq_mask_bins="pitch"` and `time_mask_share="duration"` are measured on
    the training part, as the paper sets them, and replaced by numbers in the run's configuration. `mixup` is the alpha
    of mixup's beta distribution (arXiv 1710.09412); 0 turns it off.
    """

    random_offset: bool = setting(True)
    filled_share: float = setting(0.3, least=0, most=1)
    time_shift_share: float = setting(0.15, least=0, below=1)
    freq_masks: int = setting(2, least=0)
    freq_mask_bins: int | str = setting(12, "pitch", least=0)
    time_masks: int = setting(2, least=0)
    time_mask_share: float | str = setting(0.15, "duration", least=0, below=1)
    tempo_spread: float = setting(0.0, least=0, below=1)
    vocal_tract_spread: float = setting(0.0, least=0, below=1)
    noise_share: float = setting(0.0, least=0, most=1)
    noise_snr_db: float = setting(10.0, most=40)
    equalizer_db: float = setting(0.0, least=0)
    high_cut_share: float = setting(0.0, least=0, most=1)
    mixup: float = setting(0.0, least=0)

    def log_mel(self):
        """Keyword arguments of `augment.Augment`: what happens to one log-mel."""
        names = "time_shift_share freq_masks freq_mask_bins time_masks time_mask_share tempo_spread vocal_tract_spread"
        return {name: getattr(self, name) for name in names.split()}


@dataclass(frozen=True)
class Network(Settings):
    """The network: see `emohrnet_tf.model.hrnet`.

    `joint_speakers` is the number of voices that the network tells apart on the way to its emotions; a run counts them
    where `training.joint_speakers` asks for it, and 0 is none.

    `functionals` puts those of `model.functionals` beside the embedding, for which `audio.normalize` is "level"; with
    them `architecture` may be "none", no HRNet at all. Those of the melody are multiplied by `melody`, by which weight
    decay holds them back less. `reference` adds a second last layer, which names the emotion of
    a voice of which more is known: it hears how the embedding differs from the voice's usual one (`model.relative`).
    """

    architecture: str = setting("small", "none", "tiny", "lite", "small", "small_v2", "w18")
    stem: str | None = setting(None, "stride4", "stride2", "stride1", "single")
    fuse_filters: int | None = setting(None, least=1)
    dropout: float = setting(0.0, least=0, below=1)
    joint_speakers: int = setting(0, least=0)
    functionals: bool = setting(False)
    melody: float = setting(1.0, least=0)
    reference: bool = setting(False)

    def __post_init__(self):
        super().__post_init__()
        if self.architecture == "none" and not self.functionals:
            self.refuse("architecture", "leaves nothing to hear by: set network.functionals=true")
        if self.reference and self.joint_speakers:
            self.refuse("reference", "is for voices that are not known, joint_speakers for those that are: set one")


@dataclass(frozen=True)
class Head(Settings):
    """What the network answers: emotions, valence-arousal-dominance on a sphere (`emohrnet_tf.model.sphere`), or both.

    `kind` is "categorical", "vad" or "joint"; all else concerns the dimensions. `pooling`, `bands`, `width`, `dropout`
    and `weighting` are those of `heads.sphere_head` and `losses.SphereLosses`. The regions are the paper's octants, or
    with a `step` in degrees an angular grid, with a region of its own within `neutral_radius`. `center` is "midpoint",
    of the labels' scale, or "neutral", the mean of the training part's neutral clips. The `dropout` of
    the two heads deviates from the paper's, 0.5.
    """

    kind: str = setting("categorical", "categorical", "vad", "joint")
    pooling: str = setting("style", "style", "mean")
    bands: int = setting(4, least=1)
    width: int = setting(64, least=1)
    dropout: float = setting(0.1, least=0, below=1)
    weighting: str = setting("dynamic", "dynamic", "constant", "uncertainty", "none")
    step: int | None = setting(None, least=1)
    neutral_radius: float = setting(0.0, least=0)
    center: str = setting("midpoint", "midpoint", "neutral")

    def __post_init__(self):
        super().__post_init__()
        if self.step and 180 % self.step:
            self.refuse("step", "must divide 180 degrees")
        if self.neutral_radius and not self.step:
            self.refuse("neutral_radius", "needs a grid: set head.step")
        if self.pooling == "style" and self.width % 2:
            self.refuse("width", "must be even, for the two heads of style pooling's attention")

    @property
    def emotions(self):
        """Whether the network names emotions."""
        return self.kind != "vad"

    @property
    def dimensions(self):
        """Whether the network gives valence, arousal and dominance."""
        return self.kind != "categorical"


@dataclass(frozen=True)
class Training(Settings):
    """Optimisation by Adam.

    `weight_decay` is decoupled (AdamW); the coupled one is added to the gradients (torch). The rate is set once an
    epoch: "constant" or "cosine", after `warmup_epochs` of linear rise. Held-out clips are scored every
    `evaluate_every` epochs and after the last. `choose` says whose weights the run is about: "validation", the epoch
    of highest validation accuracy, or "last", which leaves nothing to choose. `initial` is a model to start from.
    `joint_speakers` teaches pairs of speaker and emotion: the network need not find one rule for all voices, and what
    it gives is still emotions, their probabilities summed over the speakers. Of use where all who will speak train.
    `by_corpus` teaches each corpus a last layer of its own, where several train, and answers by their mean: what only
    one corpus' microphone or actors say of an emotion does not become the rule. Of use for voices never heard.
    `train_on_validation` gives the validation clips to training too, once a recipe is settled: nothing is left to
    choose an epoch or a temperature by. With `network.reference`, `speaker_clips` of one voice lie together in a batch:
    how it differs from the others' mean is what the layer for known voices learns from.
    """

    epochs: int = setting(100, least=1)
    batch_size: int = setting(64, least=1)
    learning_rate: float = setting(1e-3, least=0)
    schedule: str = setting("constant", "constant", "cosine")
    warmup_epochs: int = setting(0, least=0)
    weight_decay: float = setting(0.0, least=0)
    coupled_weight_decay: float = setting(0.0, least=0)
    label_smoothing: float = setting(0.0, least=0, below=1)
    joint_speakers: bool = setting(False)
    by_corpus: bool = setting(False)
    mixed_precision: bool = setting(False)
    evaluate_every: int = setting(1, least=1)
    choose: str = setting("validation", "validation", "last")
    initial: str | None = setting(None)
    train_on_validation: bool = setting(False)
    speaker_clips: int = setting(8, least=2)

    def __post_init__(self):
        super().__post_init__()
        if self.train_on_validation and self.choose != "last":
            self.refuse("train_on_validation", "leaves no clip to choose by: set training.choose=last")
        if self.by_corpus and self.joint_speakers:
            self.refuse("by_corpus", "is for voices that are not known, joint_speakers for those that are: set one")
        if self.weight_decay and self.coupled_weight_decay:
            self.refuse("coupled_weight_decay", "stands in place of training.weight_decay: set one of them to 0")


@dataclass(frozen=True)
class Config:
    """All settings of a run; `Config.from_dict(config.to_dict()) == config`, and an unknown key is an error.

    Example:
        >>> Config().audio.frames
        256
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
        refuse_unknown(groups, [f.name for f in fields(self)], "group of settings")
        changed = {}
        for name, values in groups.items():
            group = getattr(self, name)
            refuse_unknown(values, [f.name for f in fields(group)], f"setting of {name!r}")
            changed[name] = dataclasses.replace(group, **values)
        return dataclasses.replace(self, **changed)

    def override(self, assignments):
        """A copy with `group.key=value` strings applied, the values read as JSON.

        Example:
            >>> Config().override(["training.epochs=12"]).training.epochs
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
            there = groups.setdefault(group, {}).setdefault(key, value)
            if there is not value and there != value:
                raise InputError(f"{name} is given twice: leave one out. Received: {there!r} and {value!r}")
        return self.replace(groups)
