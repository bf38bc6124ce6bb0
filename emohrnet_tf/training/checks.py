"""What is wrong with the settings of a run, said before anything is read or built."""

from emohrnet_tf.config import Config
from emohrnet_tf.data.targets import speaker_names
from emohrnet_tf.errors import InputError
from emohrnet_tf.model.files import model_file
from emohrnet_tf.model.front_end import LogMelSpectrogram
from emohrnet_tf.model.hrnet import read_table
from emohrnet_tf.model.relative import check_grouped
from emohrnet_tf.presets import preset as preset_of


def checked_config(config):
    """The configuration of one, of its dictionary or of a preset's name."""
    if isinstance(config, Config):
        return config
    if not isinstance(config, str | dict):
        raise InputError(
            'Settings are a `Config`, e.g. `emohrnet_tf.preset("tuned")`, a dictionary, or the name of a preset. '
            f"Received: {type(config).__name__}"
        )
    return preset_of(config) if isinstance(config, str) else Config.from_dict(config)


def check_settings(config, index, protocol):
    """Say before anything is read or built what no group of settings can know of itself.

    Raises:
        InputError: sides that the network does not divide, an empty mel band, no model to start from, or joint labels,
            functionals or references with a head, a protocol, an augmentation or an index that they are not for.
    """
    if config.network.joint_speakers and not config.training.joint_speakers:
        raise InputError(
            "network.joint_speakers is counted by a run: set training.joint_speakers=true. "
            f"Received: {config.network.joint_speakers!r}"
        )
    if config.training.joint_speakers:
        if config.head.kind != "categorical":
            raise InputError(
                "training.joint_speakers pairs speakers with emotions alone: train --head categorical, or with "
                f"training.joint_speakers=false. Received: head {config.head.kind!r}"
            )
        speaker_names(index, protocol)
    settings = config.network.reference, config.network.functionals, config.training.by_corpus
    if any(settings) and config.head.kind != "categorical":
        raise InputError(
            "network.functionals, network.reference and training.by_corpus are for emotions alone: train --head "
            "categorical. "
            f"Received: head {config.head.kind!r}"
        )
    if config.network.reference:
        if config.training.joint_speakers:
            raise InputError(
                "network.reference is for voices that are not known, training.joint_speakers for those that are: set "
                "one of them. Received: both"
            )
        if "speaker" not in index or index.speaker.isna().any():
            raise InputError(
                "network.reference needs to know who speaks: give the index a speaker for every clip. Received: a clip "
                "without"
            )
    shifts = {name: getattr(config.augmentation, name) for name in ("time_shift_share", "tempo_spread")}
    if config.network.functionals and any(shifts.values()):
        raise InputError(
            "Functionals are weighed by where there is speech, which time_shift_share and tempo_spread of augmentation "
            f"would move: set both to 0. Received: {shifts!r}"
        )
    read_table(config.network.architecture, config.network.stem, (config.audio.frames, config.audio.mels))
    LogMelSpectrogram(**config.audio.front_end(), functionals=config.network.functionals)
    check_grouped(config.training, config.network)
    if config.training.initial:
        model_file(config.training.initial)
