"""The page to hand on: one file that asks for nothing, whose figures are those of report.json, every text escaped."""

import base64
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from emohrnet_tf import plots
from emohrnet_tf.errors import InputError
from emohrnet_tf.training.page import report

RESULTS = Path(__file__).resolve().parents[2] / "docs" / "results"
EVIL = '<script>alert("1")</script>'


class Page(HTMLParser):
    """The elements of a page, its text, and its pictures."""

    def __init__(self, file):
        super().__init__()
        self.elements, self.text, self.pictures, self.links = set(), [], [], []
        self.feed(file.read_text("utf-8"))
        self.words = " ".join(" ".join(self.text).split())

    def handle_starttag(self, tag, attributes):
        self.elements.add(tag)
        for name, value in attributes:
            if tag == "img" and name == "src":
                self.pictures.append(base64.b64decode(value.removeprefix("data:image/svg+xml;base64,"), validate=True))
            elif name in ("src", "href", "style", "action") or name.startswith("on"):
                self.links.append((tag, name, value))

    def handle_data(self, data):
        self.text.append(data)


def alone(page):
    """Nothing in the page runs or is asked for from elsewhere."""
    assert not page.links
    assert not page.elements & {"script", "link", "iframe", "object", "form", "a"}
    assert all(picture.lstrip().startswith(b"<?xml") for picture in page.pictures)
    return page


def shown(share):
    return f"{100 * share:.1f} %"


def test_a_run_has_its_figures_protocol_pictures_settings_and_provenance(run, tmp_path):
    page = alone(Page(report(run, tmp_path / "page.html")))
    found = json.loads((run / "report.json").read_text())
    words = page.words.replace("\N{NO-BREAK SPACE}", " ")
    result = found["results"]["validation"]
    for name in ("uar", "war", "ece"):
        assert shown(result[name]) in words
    assert "no voice of the test was heard in training" in words
    assert "best on test (optimistic)" in words
    for caption in ("Confusion", "Reliability", "Risk and coverage", "Speakers", "Loss and score"):
        assert caption in words
    assert len(page.pictures) == 5
    assert "training.learning_rate 0.003" in words
    assert found["index"] in words
    assert found["versions"]["tensorflow"] in words
    assert "default-src 'none'" in (tmp_path / "page.html").read_text()


def test_a_crossval_has_the_mean_of_its_folds_and_all_clips_together(tmp_path):
    page = alone(Page(report(RESULTS / "ravdess_speaker", tmp_path / "page.html")))
    found = json.loads((RESULTS / "ravdess_speaker" / "report.json").read_text())
    words = page.words.replace("\N{NO-BREAK SPACE}", " ")
    assert shown(found["scores"]["last"]["uar"]["mean"]) in words
    assert shown(found["pooled"][0]["uar"]) in words
    assert "fold 4, seed 0" in words
    assert "Learning curves" not in words, "no log was kept"
    assert len(page.pictures) == 4
    folds = pd.concat(pd.read_csv(RESULTS / f"ravdess_speaker/fold{fold}_seed0.csv") for fold in range(5))
    assert f"clips {len(folds)}" in words


def test_labels_and_names_are_text_whatever_they_are(tmp_path):
    names = {"anger": EVIL, "f1": "<b>|f1", "emovo": "<i>emovo&"}

    def renamed(value):
        if isinstance(value, dict):
            return {key: renamed(item) for key, item in value.items()}
        if isinstance(value, list):
            return [renamed(item) for item in value]
        return names.get(value, value) if isinstance(value, str) else value

    folder = tmp_path / "<i>run&"
    folder.mkdir()
    for file in (RESULTS / "emovo_loso_paper").glob("*.json"):
        (folder / file.name).write_text(json.dumps(renamed(json.loads(file.read_text()))))
    for file in (RESULTS / "emovo_loso_paper").glob("*.csv"):
        pd.read_csv(file).rename(columns=names).replace(names).to_csv(folder / file.name, index=False)
    page = alone(Page(report(folder, tmp_path / "page.html")))
    assert not page.elements & {"i"}
    for name in (*names.values(), "<i>run&"):
        assert name in page.words
    assert "&lt;script&gt;" in (tmp_path / "page.html").read_text()
    assert all(b"<script" not in picture for picture in page.pictures)


def test_what_is_missing_is_said_or_left_out(run, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(run, folder)
    (folder / "predictions.csv").unlink()
    (folder / "log.csv").unlink()
    page = alone(Page(report(folder)))
    assert (folder / "report.html").is_file()
    assert "reliability and coverage are not drawn" in page.words
    found = json.loads((folder / "report.json").read_text())
    found["failed"] = [{"file": "<i>a.wav", "reason": "no & audio"}]
    (folder / "report.json").write_text(json.dumps(found | {"results": {}, "protocol": "all"}))
    page = alone(Page(report(folder)))
    assert "there are no figures" in page.words
    assert "<i>a.wav no & audio" in page.words


def test_bad_input_ends_in_one_message(emohrnet, run, tmp_path):
    def fails(*arguments):
        code, out, err = emohrnet("report", *arguments)
        assert code == 2, out
        assert "Received: " in err
        assert "Traceback" not in err
        return " ".join(err.split())

    assert "report.json is not there" in fails(tmp_path / "none", "--out", tmp_path / "a.html")
    (tmp_path / "report.json").write_text("{")
    assert "cannot be read" in fails(tmp_path)
    (tmp_path / "report.json").write_text('{"rows": []}')
    assert "no report of a run" in fails(tmp_path)
    (tmp_path / "report.json").write_text('{"protocol": "speaker", "results": {}}')
    assert "not as it was written" in fails(tmp_path)
    assert "ends in .html" in fails(run, "--out", tmp_path / "a.pdf")
    (tmp_path / "mine.html").write_text("<p>my diary</p>")
    assert "made by something else" in fails(run, "--out", tmp_path / "mine.html")
    assert (tmp_path / "mine.html").read_text() == "<p>my diary</p>"
    code, out, _ = emohrnet("report", run, "--out", tmp_path / "page.html")
    assert (code, "page.html" in out) == (0, True)
    assert emohrnet("report", run, "--out", tmp_path / "page.html")[0] == 0, "its own page is written anew"
    assert not [file for file in tmp_path.iterdir() if ".part" in file.name]


def test_clips_as_sure_as_each_other_are_answered_together(tmp_path):
    sure = np.array([[0.9, 0.1]] * 2 + [[0.6, 0.4]] * 2)
    plots.risk_coverage([1, 0, 0, 1], sure, tmp_path / "a.svg")
    plots.risk_coverage([0, 1, 1, 0], sure, tmp_path / "b.svg")
    clean = lambda file: re.sub(r"(#|id=\"|<dc:date>)[^\"<)]*", "", (tmp_path / file).read_text())  # noqa: E731
    assert clean("a.svg") == clean("b.svg")
    with pytest.raises(InputError, match="ends in"):
        plots.risk_coverage([0], sure[:1], tmp_path / "a.txt")
