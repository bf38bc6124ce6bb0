"""The pages of figures, from the reports that lie in docs/results."""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "docs"))

from pages import recipes, results


@pytest.fixture
def ten(monkeypatch):
    """A report of ten folds among the others."""
    real = results.summaries()
    five = next(s for s in real.values() if (s["corpus"], s["protocol"], s["folds"]) == ("emovo", "random", 5))
    summary = json.loads(json.dumps(five)) | {"folds": 10, "complete": True}
    monkeypatch.setattr(results, "summaries", lambda: real | {"ten": summary})
    return summary


def test_ten_folds_never_stand_among_five(ten):
    rows = results.result_rows()
    sections = results.results_page().split("\n## ")
    five, own = (
        next(s for s in sections if s.startswith(f"EMOVO, 7 classes, `random`{end}\n")) for end in ("", ", 10 folds")
    )
    assert "all 10 folds" in own
    assert "all 10 folds" not in five
    assert "all 5 folds" not in own
    assert "--folds 10" in recipes.command(ten)
    assert (
        rows.count("EMOVO, 7 classes, voices it knows")
        == len(
            [
                s
                for s in results.summaries().values()
                if s["corpus"] == "emovo" and s["protocol"] == "random" and s["complete"]
            ]
        )
        - 1
    )


def test_what_a_run_measures_is_no_change_of_its_recipe(ten):
    config = recipes.preset("known_speakers").replace(
        {"audio": {"statistics": [[0.0] * 64, [1.0] * 64]}, "network": {"joint_speakers": 6}}
    )
    assert recipes.changes({"config": config.to_dict()}) == []
    plain = config.replace({"training": {"joint_speakers": False}})
    assert recipes.changes({"config": plain.to_dict()}, "known_speakers") == [("training", "joint_speakers", False)]
