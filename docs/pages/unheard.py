"""docs/unheard.md and the log of recipes for voices never heard."""

import json

from pages.figures import RESULTS, filled, machine, percent

FORMAL = {"ravdess": "RAVDESS", "emovo": "EMOVO", "nemo": "nEMO", "emospeech": "EmoSpeech"}
CHOSEN = "c_shrink"  # the recipe that was built into the package
WAYS = {"plain": "clip by clip", "speaker": "with the speaker's own speech"}


def unheard_page():
    lines = []
    for file in sorted((RESULTS / "unheard").glob("*.json")):
        lines += _tables(json.loads(file.read_text()))
    return filled("docs/unheard.md", "from docs/results/unheard/*.json", "unheard", lines)


def _tables(report):
    corpora, mean = report["corpora"], report["mean"]
    names = [name for name in FORMAL if name in corpora]
    lines = ["", "| left out | way | four labels: UAR | seven labels: UAR | ECE | answered | right of these |"]
    lines.append("|---|---|---:|---:|---:|---:|---:|")
    for name, rows in [*((FORMAL[name], corpora[name]) for name in names), ("**mean**", mean)]:
        for way, words in WAYS.items():
            four, free = rows[way]["four"], rows[way]["free"]
            cells = [percent(four["uar"]), percent(free["uar"]), f"{four['ece']:.2f}"]
            cells += [percent(four["answered"]), percent(four["right"])]
            lines.append(f"| {name} | {words} | {' | '.join(cells)} |")
    lines += [
        "",
        "Per cent. ECE, the calibration error, and what is answered are of the four labels, at the temperature and the "
        "threshold that the other corpora gave, before any label of the corpus was seen. EmoSpeech has three of the "
        "four labels. Seven labels: the model chooses freely. "
        f"Preset `{report['preset'] or 'none'}`, {report['parameters']} parameters, seed {report['seed']}. "
        f"Commit {report['commit']}; {machine(report)}.",
        "",
        "## How much of a voice is enough",
        "",
        "| seconds of the voice in its reference | " + " | ".join(report["reference"]["mean"]["seconds"]) + " |",
        "|---|" + "---:|" * len(report["reference"]["mean"]["seconds"]),
    ]
    for name, tables in [*((FORMAL[n], report["reference"]["corpora"][n]) for n in names),
                         ("**mean**", report["reference"]["mean"])]:  # fmt: skip
        cells = [percent(tables["seconds"].get(key)) for key in report["reference"]["mean"]["seconds"]]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    emotions = report["reference"]["mean"]["emotion"]
    lines += ["", "UAR of four labels; recordings as they come, of any emotion. Of one emotion alone they give:", ""]
    lines += ["| all of the voice's recordings of | " + " | ".join(emotions) + " |", "|---|" + "---:|" * len(emotions)]
    lines.append(f"| mean of the corpora that have it | {' | '.join(percent(value) for value in emotions.values())} |")
    sounds = report["no_speech"]
    lines += ["", "## What is no speech", "", "| " + " | ".join(sounds) + " |", "|" + "---:|" * len(sounds)]
    lines.append("| " + " | ".join(f"{value:.2f}" for value in sounds.values()) + " |")
    least = mean["plain"]["free"].get("threshold")
    below = f", below the threshold of {least:.2f}: `uncertain`" if least else ""
    lines += ["", f"Confidence of the most probable of seven labels, mean over the models; chance is 0.14{below}.", ""]
    return lines


def voices_page():
    """The log of recipes that were tried in the laboratory (`benchmarks/voices.py`)."""
    found = [json.loads(file.read_text()) for file in sorted((RESULTS / "voices").glob("*.json"))]
    runs = sorted((run for run in found if "mean" in run), key=lambda run: -run["mean"]["plain"]["four"]["uar"])
    base = next(run["settings"] for run in found if run["name"] == CHOSEN)
    lines = [
        "| recipe | UAR, clip by clip | ECE | UAR, own speech | ECE | by corpus, clip by clip | own speech | settings |"
    ]
    lines.append("|---|---:|---:|---:|---:|---|---|---|")
    names = [name for name in FORMAL if name in runs[0]["corpora"]] if runs else []
    for run in runs:
        cells = [run["name"]]
        for way in WAYS:
            cells += [percent(run["mean"][way]["four"]["uar"]), f"{run['mean'][way]['four']['ece']:.2f}"]
        for way in WAYS:
            cells.append(" ".join(percent(run["corpora"][name][way]["four"]["uar"]) for name in names))
        shown = {key: value for key, value in run["settings"].items() if key in base and base[key] != value}
        cells.append(", ".join(f"{key} {value}" for key, value in shown.items()))
        lines.append(f"| {' | '.join(cells)} |")
    commits = ", ".join(sorted({str(run["commit"]) for run in found}))
    order = ", ".join(FORMAL[name] for name in names)
    lines += ["", f"{len(runs)} recipes of four trainings each. Corpora in the order {order}. "
              f"Settings are those that differ from the recipe `{CHOSEN}`. Commit {commits}; "
              f"{machine(found[0])}."]  # fmt: skip
    return filled("docs/results/voices.md", "from docs/results/voices/*.json", "voices", lines)
