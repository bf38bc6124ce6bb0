import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest
import soundfile

EMOTIONS = {"01": 150.0, "05": 320.0, "04": 220.0}  # neutral, anger, sadness: code in the file's name -> pitch in Hz


def write_voice(path, pitch_hz, seconds=0.7, seed=0, rate=16000):
    """A WAV of harmonics at a pitch, with a little noise: an emotion that a small network learns in a few epochs."""
    random, t = np.random.default_rng(seed), np.arange(int(seconds * rate)) / rate
    voice = sum(np.sin(2 * np.pi * k * pitch_hz * t + random.uniform(0, 6)) / k for k in range(1, 6))
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, 0.1 * voice + 0.003 * random.standard_normal(len(t)), rate)


@pytest.fixture(scope="session", autouse=True)
def _traced_once(request):
    """Runs of one network share its trace, which costs more than their training; that a shared trainer gives what a
    fresh one gives is a test of its own (`test_one_trainer_gives_each_run_what_a_fresh_one_gives`).
    """
    if not any("config" in item.fixturenames for item in request.session.items):  # no test here trains
        yield
        return
    traced = {}

    def trainer(config, labels, sets=(), speakers=0):
        from emohrnet_tf.training.trainer import Trainer

        kept = {"epochs", "batch_size", "learning_rate", "schedule", "warmup_epochs", "evaluate_every", "choose"}
        kept |= {"initial", "train_on_validation"}  # what a trainer reads anew for each run
        baked = {name: value for name, value in vars(config.training).items() if name not in kept}
        key = repr((config.audio, config.network, config.head, baked, tuple(labels), sets, speakers))
        if config.head.dimensions or key not in traced:  # the sphere's losses keep a count of epochs
            traced[key] = Trainer(config, labels, sets, speakers)
        traced[key].config = config.replace({"network": {"joint_speakers": speakers}})
        return traced[key]

    from emohrnet_tf.training import crossval, run

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "Trainer", trainer)
        patch.setattr(crossval, "Trainer", trainer)
        yield


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    """A folder in RAVDESS' layout: 6 actors, 3 emotions, 4 clips each, 0.5 to 0.9 s."""
    root = tmp_path_factory.mktemp("corpus")
    for actor in range(1, 7):
        for emotion, pitch in EMOTIONS.items():
            for clip in range(4):
                name = f"03-01-{emotion}-01-0{clip // 2 + 1}-0{clip % 2 + 1}-{actor:02d}.wav"
                seed = actor * 100 + int(emotion) * 10 + clip
                spread = 1 + 0.02 * np.random.default_rng(seed).standard_normal()
                write_voice(root / f"Actor_{actor:02d}" / name, pitch * spread, 0.5 + 0.1 * clip, seed)
    return root


@pytest.fixture(scope="session")
def index(corpus):
    from emohrnet_tf import read_corpus

    return read_corpus("ravdess", corpus)[0]


@pytest.fixture(scope="session")
def config():
    """Settings of a network that trains in seconds: half-second windows, `tiny`."""
    from emohrnet_tf import Config

    return Config.from_dict(
        {
            "audio": {"frames": 32, "mels": 32, "mel_max_hz": 4000.0},
            "augmentation": {"freq_mask_bins": 3, "time_mask_share": 0.1, "time_shift_share": 0.1},
            "network": {"architecture": "tiny"},
            "training": {"epochs": 4, "batch_size": 8, "learning_rate": 3e-3},
        }
    )


@pytest.fixture(scope="session")
def trainer(index, config):
    """One traced network for the tests that need many runs: tracing costs more than their training."""
    from emohrnet_tf.training import run

    return run.Trainer(config, run.ordered(index.emotion.unique()))  # the one of `_traced_once`


@pytest.fixture(scope="session")
def run(index, config, tmp_path_factory):
    """A finished run's folder."""
    from emohrnet_tf.training.run import train

    folder = tmp_path_factory.mktemp("runs") / "run"
    train(index, config, folder, protocol="speaker", fold=0, seed=1, verbose=0)
    return folder


@pytest.fixture(scope="session")
def model(run):
    """Of that run, loaded and traced once: leave it as it is."""
    from emohrnet_tf import load_model

    return load_model(run)


@pytest.fixture
def emohrnet(monkeypatch, capsys):
    """Runs the command in this process: arguments -> (exit code, standard output, standard error)."""
    from emohrnet_tf.cli import main

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["emohrnet", *map(str, arguments)])
        try:
            main()
            code = 0
        except SystemExit as stop:
            code = stop.code or 0
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run
