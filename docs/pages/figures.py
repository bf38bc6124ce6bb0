"""What all pages write alike: shares, machines, tables filled in between two comments."""

import statistics
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "docs/results"
NAMES = {"ravdess": "RAVDESS, 8 classes", "emovo": "EMOVO, 7 classes"}


def percent(value):
    return "" if value is None else f"{100 * value:.1f}"


def spread_of(values, scale=1, digits=3):
    """Mean and standard deviation of some runs, as text."""
    mean = f"{scale * statistics.mean(values):.{digits}f}"
    return mean if len(values) < 2 else f"{mean} ± {scale * statistics.stdev(values):.{digits}f}"


def machine(facts):
    return f"{facts['machine']['cores']} cores, {facts['machine']['processor']}"


def made_on(runs):
    """Commits and machines of runs, each once."""
    commits = ", ".join(sorted({str(run["commit"]) for run in runs}))
    return f"Commit {commits}; {'; '.join(dict.fromkeys(map(machine, runs)))}"


def filled(page, begin, name, lines):
    """A page with the lines between its two comments."""
    return filled_text((ROOT / page).read_text(), begin, name, lines)


def filled_text(text, begin, name, lines):
    """A page's text with the lines between two comments of it."""
    begin, end = f"{begin} -->\n", f"<!-- end of {name} -->"
    head, rest = text.split(begin)
    return head + begin + "".join(line + "\n" for line in lines) + end + rest.split(end)[1]
