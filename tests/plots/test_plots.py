import os
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from matplotlib import font_manager
from matplotlib.image import imread

from emohrnet_tf import plots
from emohrnet_tf.errors import InputError
from emohrnet_tf.model.hrnet import ARCHITECTURES
from emohrnet_tf.plots.style import families, looks

EMOTIONS = ["neutral", "calm", "happiness", "sadness", "anger", "fear", "disgust", "surprise"]
REPORT = {"labels": EMOTIONS, "confusion": (np.eye(8, dtype=int) * 30 + np.arange(64).reshape(8, 8) % 5).tolist()}

# Each of three corpora left out, and two pairs; one pair has no label in common.
MATRIX = [
    {"train": train, "test": test, "four": uar and {"uar": uar, "chance": 0.25}}
    for train, test, uar in (
        (["emovo", "nemo"], "ravdess", 0.61),
        (["nemo", "ravdess"], "emovo", 0.42),
        (["emovo", "ravdess"], "nemo", 0.35),
        (["emovo"], "nemo", 0.31),
        (["nemo"], "ravdess", None),
    )
]


def history_of(epochs, **columns):
    falling = np.exp(-np.arange(epochs) / 10)
    base = {"epoch": range(1, epochs + 1), "loss": 2 * falling, "accuracy": 1 - 0.9 * falling}
    return pd.DataFrame({**base, "val_loss": 1 + falling, "val_accuracy": 0.6 - 0.4 * falling, **columns})


def spectrogram(seed=0):
    return np.random.default_rng(seed).normal(-20, 5, (120, 64))


def draw(name, path):
    """Draw one of the pictures, with made-up values."""
    if name == "confusion_matrix":
        plots.confusion_matrix(REPORT, path, title="Test")
    elif name == "learning_curves":
        plots.learning_curves(history_of(30, test_accuracy=np.full(30, 0.5)), 12, path, title="Run")
    elif name == "network":
        plots.network("w18", path, title="W18")
    elif name == "reliability":
        plots.reliability(*guesses(), path, title="Sure")
    elif name == "risk_coverage":
        plots.risk_coverage(*guesses(), path, title="Answered")
    elif name == "speakers":
        plots.speakers([{"speaker": f"{n:02}", "uar": n / 24, "war": n / 26} for n in range(24)], path, title="Who")
    elif name == "corpora":
        plots.corpora(MATRIX, path, title="Heard")
    elif name == "embedding_map":
        plots.embedding_map(np.eye(8)[np.arange(80) % 8], np.array(EMOTIONS)[np.arange(80) % 8], path, EMOTIONS)
    else:
        plots.spectrograms(spectrogram(), spectrogram(1), path)


def guesses():
    """300 clips of 8 classes, of which the surest 200 are right: `(true, probabilities)`."""
    probabilities = np.random.default_rng(0).dirichlet(np.full(8, 0.3), 300)
    order, true = np.argsort(-probabilities.max(axis=1)), probabilities.argmax(axis=1)
    true[order[200:]] = (true[order[200:]] + 1) % 8
    return true, probabilities


NAMES = [
    *("confusion_matrix", "learning_curves", "spectrograms", "network", "reliability", "embedding_map", "corpora"),
    *("risk_coverage", "speakers"),
]


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_is_a_picture_with_nothing_at_its_edges(tmp_path, name):
    draw(name, tmp_path / "new" / "a.png")
    pixels = imread(tmp_path / "new" / "a.png")[..., :3]
    assert min(pixels.shape[:2]) > 400
    assert pixels.std() > 0.05
    for edge in (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]):
        assert (edge == 1).all(), "a label is cut off"


@pytest.mark.parametrize("name", NAMES)
def test_words_in_a_picture(tmp_path, name):
    draw(name, tmp_path / "a.svg")
    text = (tmp_path / "a.svg").read_text()
    words = {
        "confusion_matrix": [*EMOTIONS, "predicted", "true", "Test", "% of the true class"],
        "learning_curves": [
            "training",
            "validation",
            "test",
            "chosen epoch 12",
            "epoch",
            "loss",
            "accuracy (%)",
            "Run",
        ],
        "spectrograms": ["original", "augmented", "difference", "time (s)", "mel bin"],
        "network": ["W18", "2 conv 3x3", "stage 4", "144 channels", "8 x 2", "270 channels", "3 times", "softmax"],
        "reliability": ["Sure", "ECE ", "300 clips", "confidence (%)", "clips that are right (%)"],
        "corpora": ["emovo", "nemo", "all others", "tested on", "trained on", "61.0", "(chance 25)", "four labels"],
        "embedding_map": [*EMOTIONS, "t-SNE"],
        "risk_coverage": ["Answered", "of these, right (%)", "clips answered (%)", "0.5"],
        "speakers": ["Who", "UAR", "WAR", "speaker", "07"],
    }[name]
    assert [word for word in words if word not in text] == []


def test_cells_show_shares_of_the_true_class_and_clips(tmp_path):
    plots.confusion_matrix(
        {"labels": ["a", "b", "c"], "confusion": [[3, 1, 0], [0, 0, 0], [0, 0, 7]]}, tmp_path / "a.svg"
    )
    text = (tmp_path / "a.svg").read_text()
    for word in (">75<", ">(3)<", ">25<", ">(1)<", ">100<", ">(7)<"):
        assert word in text


def test_learning_curves_take_what_there_is(tmp_path):
    plots.learning_curves(history_of(1)[["epoch", "loss", "accuracy"]], None, tmp_path / "a.svg")
    text = (tmp_path / "a.svg").read_text()
    assert "training" in text
    assert "validation" not in text
    assert "chosen" not in text


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_network_is_drawn_from_its_own_table(tmp_path, architecture):
    plots.network(architecture, tmp_path / "a.svg", frames=192, classes=5)
    text = (tmp_path / "a.svg").read_text()
    _, *stages = ARCHITECTURES[architecture]
    widths = [block.expansion * filters for _, block, _, channels in stages for filters in channels]
    for filters in set(widths):
        assert text.count(f">{filters} channels<") >= widths.count(filters)
    assert f">{sum(stages[-1][3])} channels<" in text
    assert ">5 emotions<" in text


def test_a_reliability_diagram_counts_the_clips_of_each_bin(tmp_path):
    true, probabilities = [0, 0, 0, 1], [[0.95, 0.05], [0.9, 0.1], [0.65, 0.35], [0.64, 0.36]]
    plots.reliability(true, probabilities, tmp_path / "a.svg", bins=10)
    text = (tmp_path / "a.svg").read_text()
    error = (abs(1 - 0.95) + abs(1 - 0.9) + 2 * abs(0.5 - 0.645)) / 4
    assert f"ECE {100 * error:.1f} %" in text
    assert re.findall(r"font-size: 7px[^>]*>(\d+)<", text) == ["2", "1", "1"]


def test_time_is_in_seconds(tmp_path):
    plots.spectrograms(spectrogram(), spectrogram(), tmp_path / "a.svg", hop_seconds=0.1)
    assert ">12<" in (tmp_path / "a.svg").read_text()


def test_equal_spectrograms_and_a_channel_axis_are_fine(tmp_path):
    plots.spectrograms(spectrogram()[..., None], spectrogram()[..., None], tmp_path / "a.png")
    assert (tmp_path / "a.png").exists()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda path: plots.spectrograms(np.zeros((2, 3)), np.zeros((3, 2)), path), "((2, 3), (3, 2))"),
        (lambda path: plots.spectrograms(np.zeros(3), np.zeros(3), path), "(3,)"),
        (lambda path: plots.learning_curves(history_of(3), 4, path), "Received: 4"),
        (lambda path: plots.learning_curves(history_of(3).drop(columns="loss"), 1, path), "['loss']"),
        (lambda path: plots.network("resnet", path), "'resnet'"),
        (lambda path: plots.embedding_map(np.eye(3), EMOTIONS[:3], path), "Received: 3"),
        (lambda path: plots.confusion_matrix(REPORT, path.with_suffix(".jpeg2")), "'.jpeg2'"),
    ],
)
def test_wrong_input_is_refused_with_the_value(tmp_path, call, message):
    with pytest.raises(InputError) as caught:
        call(tmp_path / "a.png")
    assert message in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_picture_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    (tmp_path / "a.png").write_bytes(b"old")
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(InputError, match="disk full"):
        draw("confusion_matrix", tmp_path / "a.png")
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("a.png", b"old")]


def test_plots_touch_no_global_state(tmp_path):
    code = """if True:
        import sys, matplotlib
        before = matplotlib.rcParams.copy()
        from emohrnet_tf import plots
        plots.confusion_matrix({"labels": ["a"], "confusion": [[1]]}, sys.argv[1])
        assert matplotlib.rcParams.copy() == before
        assert "matplotlib.pyplot" not in sys.modules
    """
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "a.png")], check=True)


def test_an_emotion_has_one_look_in_every_picture():
    eight = looks(EMOTIONS)
    assert len(set(eight.values())) == 8
    assert looks(["sadness", "anger", "calm"]) == {label: eight[label] for label in ("sadness", "anger", "calm")}
    mixed = looks(["bored", *EMOTIONS[1:], "curious"])
    assert {label: mixed[label] for label in EMOTIONS[1:]} == {label: eight[label] for label in EMOTIONS[1:]}
    assert len(set(mixed.values())) == 9


# --- Foreign text ---


def two_labels(*labels):
    return {"labels": list(labels), "confusion": [[1, 0], [0, 1]]}


@pytest.mark.parametrize("labels", [("$a", "$\\frac{"), ("[/b]", "a_b^c"), ("悲しみ", "😀"), ("caf\udce9", "гнев")])
def test_labels_of_any_text_are_drawn_without_a_warning(labels, tmp_path):
    plots.confusion_matrix(two_labels(*labels), tmp_path / "c.png", title=labels[0])
    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")


def test_a_character_that_the_font_lacks_comes_from_one_that_has_it_or_is_named_once(caplog):
    usual = set(font_manager.get_font(font_manager.findfont("DejaVu Sans")).get_charmap())
    other = font_manager.get_font(font_manager.findfont("STIXGeneral")).get_charmap()
    letter = next(chr(code) for code in sorted(other) if code not in usual and chr(code).isprintable())
    assert len(families("a" + letter)) > 1
    assert not caplog.records
    for _ in range(2):
        families("a\U0001f9ff\u60b2\u0e01\u0904")  # of which a machine may have some and not others
    assert len(caplog.records) <= 1
