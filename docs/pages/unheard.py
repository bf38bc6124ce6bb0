"""docs/unheard.md and the log of recipes for voices never heard."""

import json

from pages.figures import RESULTS, filled, filled_text, machine, percent

from emohrnet_tf.pretrained import read_weights, weights_file

FORMAL = {"ravdess": "RAVDESS", "emovo": "EMOVO", "nemo": "nEMO", "emospeech": "EmoSpeech"}
CHOSEN = "c_shrink"  # the recipe that was built into the package
WAYS = {"plain": "clip by clip", "speaker": "with the speaker's own speech"}


def unheard_page():
    lines = []
    for file in sorted((RESULTS / "unheard").glob("*.json")):
        lines += _tables(json.loads(file.read_text()))
    page = filled("docs/unheard.md", "from docs/results/unheard/*.json", "unheard", lines)
    return filled_text(page, "from docs/results/own_speech/*.json", "own speech", _own_speech())


def _own_speech():
    """Speakers of known corpora left out (`benchmarks/own_speech.py`)."""
    lines = ["| speakers left out | recipe | clip by clip: UAR / WAR, ECE | with their own speech: UAR / WAR, ECE |"]
    lines.append("|---|---|---:|---:|")
    found = [json.loads(file.read_text()) for file in sorted((RESULTS / "own_speech").glob("*.json"))]
    for report in found:
        network, mean = report["config"]["network"], report["mean"]
        body = "functionals" if network["architecture"] == "none" else network["architecture"]
        body += " and functionals" if network["functionals"] and body != "functionals" else ""
        cells = [f"{FORMAL[report['corpus']]}, `{report['protocol']}`, {len(report['folds'])} folds"]
        also = f", {' and '.join(FORMAL[name] for name in report['also'])} train too" if report.get("also") else ""
        cells.append(
            f"{body}, {report['parameters']:,} parameters, {report['config']['training']['epochs']} epochs{also}"
        )
        for way in ("plain", "own speech"):
            spread = f"{percent(mean[way]['uar'])} ± {percent(report['deviation'][way])}"
            cells.append(f"{spread} / {percent(mean[way]['war'])}, {mean[way]['ece']:.2f}")
        lines.append(f"| {' | '.join(cells)} |")
    commits = ", ".join(sorted({str(report["commit"]) for report in found}))
    return [*lines, "", f"Per cent; ± is over the folds. Commit {commits}; {machine(found[0])}."]


def _tables(report):
    corpora, mean = report["corpora"], report["mean"]
    seconds = sorted(report["reference"]["mean"]["seconds"], key=lambda key: (key == "all", key.zfill(3)))
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
        f"Commit {report['commit']}; {machine(report)}.{_other_seeds()}",
        "",
        "## How much of a voice is enough",
        "",
        "| seconds of the voice in its reference | " + " | ".join(seconds) + " |",
        "|---|" + "---:|" * len(seconds),
    ]
    for name, tables in [*((FORMAL[n], report["reference"]["corpora"][n]) for n in names),
                         ("**mean**", report["reference"]["mean"])]:  # fmt: skip
        cells = [percent(tables["seconds"].get(key)) for key in seconds]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    emotions = report["reference"]["mean"]["emotion"]
    lines += ["", "UAR of four labels; recordings as they come, of any emotion. Of one emotion alone they give:", ""]
    lines += ["| all of the voice's recordings of | " + " | ".join(emotions) + " |", "|---|" + "---:|" * len(emotions)]
    lines.append(f"| mean of the corpora that have it | {' | '.join(percent(value) for value in emotions.values())} |")
    lines += _conditions(report["conditions"]["mean"])
    sounds = report["no_speech"]
    lines += ["", "## What is no speech", "", "| " + " | ".join(sounds) + " |", "|" + "---:|" * len(sounds)]
    lines.append("| " + " | ".join(f"{value:.2f}" for value in sounds.values()) + " |")
    least = mean["plain"]["free"].get("threshold")
    below = f", below the threshold of {least:.2f}: `uncertain`" if least else ""
    lines += ["", f"Confidence of the most probable of seven labels, mean over the models; chance is 0.14{below}.", ""]
    return lines


def _conditions(mean):
    """How it is where microphones, rooms and telephones have altered what is heard."""
    lines = [
        "",
        "## As microphones and rooms bring it",
        "",
        "| what is done to the recordings | clip by clip | own speech |",
    ]
    lines.append("|---|---:|---:|")
    for condition, rows in sorted(mean.items(), key=lambda item: item[0] != "clean"):
        lines.append(f"| {condition} | {' | '.join(percent(rows[way]) for way in WAYS)} |")
    return [*lines, "", "UAR of four labels, mean of the corpora; conditions of `emohrnet robustness`. What a voice is "
            "known by has been through them, too."]  # fmt: skip


def _other_seeds():
    """What the same recipe gave with other seeds, as a sentence."""
    words = ""
    for file in sorted((RESULTS / "unheard/seeds").glob("*.json")):
        other = json.loads(file.read_text())
        four = [other["mean"][way]["four"] for way in WAYS]
        words += (
            f" Seed {other['seed']}, commit {other['commit']}: {percent(four[0]['uar'])} clip by clip and "
            f"{percent(four[1]['uar'])} with own speech, ECE {four[0]['ece']:.2f} and {four[1]['ece']:.2f}."
        )
    return words


def voices_page():
    """The log of recipes that were tried (`benchmarks/voices.py`, `benchmarks/voices_linear.py`)."""
    found = [json.loads(file.read_text()) for file in sorted((RESULTS / "voices").glob("*.json"))]
    runs = sorted((run for run in found if "mean" in run), key=lambda run: -run["mean"]["plain"]["four"]["uar"])
    base = next(run["settings"] for run in found if run["name"] == CHOSEN)
    commits = ", ".join(sorted({str(run["commit"]) for run in found}))
    lines = _recipes(runs, base)
    lines[-1] += f" Settings are those that differ from the recipe `{CHOSEN}`. Commit {commits}; {machine(found[0])}."
    page = filled("docs/results/voices.md", "from docs/results/voices/*.json", "voices", lines)
    page = filled_text(page, "from docs/results/unheard and own_speech", "aims", _aims())
    linear = json.loads((RESULTS / "voices_linear.json").read_text())
    lines = _recipes(linear["recipes"], linear["base"])
    lines[-1] += f" Settings are those that differ from `one`. Commit {linear['commit']}; {machine(linear)}."
    return filled_text(page, "from docs/results/voices_linear.json", "linear", lines)


def _aims():
    """What was aimed at before any of it was measured, and what was reached."""
    mean = json.loads((RESULTS / "unheard/voices.json").read_text())["mean"]
    held_out = json.loads((RESULTS / "own_speech/ravdess_speaker.json").read_text())["mean"]
    four = [mean[way]["four"] for way in WAYS]
    both = lambda name: " / ".join(percent(row[name]) for row in four)  # noqa: E731
    rows = [
        ("corpora left out, four labels, clip by clip: UAR", "47", percent(four[0]["uar"])),
        ("the same, with the speaker's own recordings", "55", percent(four[1]["uar"])),
        ("calibration error there, without / with", "at most 10", both("ece")),
        ("answered at the default threshold there, without / with", "at least 50", both("answered")),
        ("right of these, without / with", "at least 60", both("right")),
        ("RAVDESS, speakers held out, eight labels, own recordings: UAR", "75", percent(held_out["own speech"]["uar"])),
        ("the same network, clip by clip", "at least 67", percent(held_out["plain"]["uar"])),
    ]
    return ["| per cent | aim | reached |", "|---|---:|---:|", *(f"| {' | '.join(row)} |" for row in rows)]


def _recipes(runs, base):
    """A table of recipes, each of four trainings."""
    lines = [
        "| recipe | UAR, clip by clip | ECE | UAR, own speech | ECE | by corpus, clip by clip | own speech | settings |"
    ]
    lines.append("|---|---:|---:|---:|---:|---|---|---|")
    names = [name for name in FORMAL if name in runs[0]["corpora"]]
    for run in runs:
        cells = [run["name"]]
        for way in WAYS:
            cells += [percent(run["mean"][way]["four"]["uar"]), f"{run['mean'][way]['four']['ece']:.2f}"]
        for way in WAYS:
            cells.append(" ".join(percent(run["corpora"][name][way]["four"]["uar"]) for name in names))
        shown = {key: value for key, value in run["settings"].items() if key in base and base[key] != value}
        cells.append(", ".join(f"{key} {value}" for key, value in shown.items()))
        lines.append(f"| {' | '.join(cells)} |")
    order = ", ".join(FORMAL[name] for name in names)
    return [*lines, "", f"{len(runs)} recipes of four trainings each. Corpora in the order {order}."]


def voices_card():
    """The card of the pretrained model `voices`."""
    facts, _ = read_weights(weights_file("voices"))
    model, report = facts["model"], json.loads((RESULTS / "unheard/voices.json").read_text())
    seconds = model["audio"]["frames"] * model["audio"]["hop"] / model["audio"]["sample_rate"]
    size = weights_file("voices").with_suffix(".tflite").stat().st_size / 1e3
    plain, own = (report["mean"][way] for way in WAYS)
    heard = ", ".join(
        f"{FORMAL[c['corpus']]} ({sum(c['clips'].values())} clips, {c['speakers']} speakers)" for c in facts["corpora"]
    )
    least = model["least_confidence"]
    lines = [
        "# voices: the pretrained model for everyone's voice",
        "",
        "Written by `python docs/write_results.py`. Speech in, probabilities of "
        f"{', '.join(model['labels'])} out (calm is neutral); windows of {seconds:g} s; `voices.tflite`, {size:.0f} "
        "KB, takes raw audio and, if there is one, a reference of the voice.",
        "",
        "**Licence: CC BY-NC-SA 4.0, non-commercial** (`LICENSE-voices`), because its corpora are. The code's licence "
        "does not cover these weights.",
        "",
        f"- **Data**: {heard}. Acted or asked for; North American English, Polish, Indian English and Hindi.",
        f"- **Training**: {facts['epochs']['last']} epochs of the preset `voices`, seed {facts['seed']}, commit "
        f"{facts['commit']}; the last epoch, none chosen. `docs/make_pretrained.py` has the command.",
        "- **What it is**: two linear layers on 120 functionals of a window, one of them for voices of which more is "
        "known; HRNet told strangers less well (docs/unheard.md).",
        f"- **Unsure**: below a confidence of {least[0]:g}, with a reference {least[1]:g}, `predict` answers "
        "`uncertain`. These, and the temperatures, come from corpora left out.",
        "- **Not for** decisions about people. It hears how a voice is acted, not what a person feels; real emotions "
        "are weaker and mixed, and other languages, ages, microphones and rooms sound otherwise.",
        "",
        "## What to expect",
        "",
        "The same recipe on corpora that it had not heard, one left out in turn (RAVDESS, EMOVO, nEMO, EmoSpeech), per "
        "cent:",
        "",
        "| | clip by clip | with the speaker's own speech |",
        "|---|---:|---:|",
        f"| UAR of neutral, happiness, sadness, anger; chance 25 | {percent(plain['four']['uar'])} | "
        f"{percent(own['four']['uar'])} |",
        f"| calibration error there | {percent(plain['four']['ece'])} | {percent(own['four']['ece'])} |",
        f"| UAR of all seven, chosen freely; chance 14 | {percent(plain['free']['uar'])} | "
        f"{percent(own['free']['uar'])} |",
        f"| answered at its own threshold | {percent(plain['free']['answered'])} | "
        f"{percent(own['free']['answered'])} |",
        f"| right of these | {percent(plain['free']['right'])} | {percent(own['free']['right'])} |",
        "",
        "By corpus, by seconds of reference, on music, tones and noise: docs/unheard.md. It fails on single words, on "
        "disgust, fear and surprise of strangers, and where the reference is of one emotion alone.",
    ]
    return "\n".join(lines) + "\n"
