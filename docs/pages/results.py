"""The pages of accuracy: README's table and docs/results.md."""

import json
import statistics

from pages.experiments import experiments
from pages.figures import NAMES, RESULTS, machine, made_on, percent, spread_of
from pages.recipes import begun_from, changes, command, nearest, start_command, starts, usual_folds, yardstick
from pages.robustness import other_reports, robustness_lines

from emohrnet_tf.data.splits import SCHEMES

# What others published, by corpus and protocol: name, per cent, measure. "unseen" are speakers.
PUBLISHED = {
    ("ravdess", "random"): [
        ("EmoHRNet (ICASSP 2024), protocol not stated", 92.45, "accuracy"),
        ("TIM-Net (arXiv 2211.08233), 10 folds, epoch chosen on the test fold", 92.08, "WAR"),
        ("TIM-Net, 10 folds, epoch chosen without the test fold", 90.07, "WAR"),
        ("CTL-MTNet, epoch chosen without the test fold", 80.5, "WAR"),
    ],
    ("ravdess", "speaker"): [
        ("ResLSTM-SA, from scratch, 46.8 K parameters", 62.3, "UAR"),
        ("GResNet, from scratch", 59.7, "accuracy"),
        ("wav2vec2-base, frozen", 54.3, "accuracy"),
        ("HuBERT-base, frozen", 65.4, "accuracy"),
        ("WavLM-large, frozen, 317 M parameters", 72.0, "accuracy"),
    ],
    ("emovo", "random"): [
        ("EmoHRNet (ICASSP 2024), protocol not stated", 92.77, "accuracy"),
        ("TIM-Net, 10 folds, epoch chosen on the test fold", 92.00, "WAR"),
        ("TIM-Net, 10 folds, epoch chosen without the test fold", 86.56, "WAR"),
    ],
    ("emovo", "loso"): [
        ("WavLM-base, frozen", 42.4, "accuracy"),
        ("HuBERT-base, frozen", 46.1, "accuracy"),
        ("WavLM-large, frozen, 317 M parameters", 48.8, "accuracy"),
    ],
}


def summaries():
    """The reports of `emohrnet crossval`, by folder, those of all folds first."""
    found = {file.parent.name: json.loads(file.read_text()) for file in sorted(RESULTS.glob("*/report.json"))}
    return dict(sorted(found.items(), key=lambda item: not item[1]["complete"]))


def comparators(corpus, protocol):
    """The reports of `benchmarks/comparators.py` on a corpus and protocol."""
    found = [json.loads(file.read_text()) for file in sorted((RESULTS / "comparators").glob("*/report.json"))]
    return [summary for summary in found if (summary["corpus"], summary["protocol"]) == (corpus, protocol)]


def covered(summary):
    """Which part of its protocol a report covers, in words."""
    seeds = f"seed {summary['seeds'][0]}" if len(summary["seeds"]) == 1 else f"{len(summary['seeds'])} seeds"
    folds = sorted({run["fold"] for run in summary["runs"]})
    if summary["complete"]:
        return f"all {summary['folds']} folds, {seeds}"
    numbers = ", ".join(map(str, folds))
    return f"fold{'s' if len(folds) > 1 else ''} {numbers} of {summary['folds']} alone, {seeds}"


def made_by(summary):
    training = summary["config"]["training"]
    begun = begun_from(summary)
    heard = ", ".join(NAMES.get(name, name).split(",")[0] for name in begun[-1]["corpus"].split(", ")) if begun else ""
    start = f", from the {training['initial']} model" if training["initial"] else ""
    start = f", from a model of {heard}" if begun else start
    also = "".join(f", {NAMES[corpus].split(',')[0]} trains too" for corpus in summary.get("also", {}))
    also += ", validation clips train too" if training.get("train_on_validation") else ""
    other = " with other augmentation" if any(group == "augmentation" for group, _, _ in changes(summary)) else ""
    return f"{summary['network']}, `{nearest(summary)}`{other}, {training['epochs']} epochs{start}{also}"


def result_rows():
    """README's table: a row for each report of all folds, beside the yardstick without a network and the paper."""
    functionals = json.loads((RESULTS / "functionals.json").read_text())
    rows = [
        "| all folds: UAR / WAR | emohrnet_tf | an SVM on statistics | the paper, accuracy |",
        "|---|---:|---:|---:|",
    ]
    for (corpus, protocol), published in PUBLISHED.items():
        voices = "voices it knows (`random`)" if protocol == "random" else f"unseen speakers (`{protocol}`)"
        (other,) = yardstick(functionals, corpus, protocol)
        other = {name: statistics.mean(run[name] for run in other["runs"]) for name in ("uar", "war")}
        paper = [f"{value}" for name, value, _ in published if name.startswith("EmoHRNet")]
        for summary in summaries().values():
            same = summary["folds"] == usual_folds(corpus, protocol)  # of ten folds nothing stands beside five
            if summary["complete"] and same and (summary["corpus"], summary["protocol"]) == (corpus, protocol):
                scores = summary["scores"][summary["chosen"]]
                both = [{name: scores[name]["mean"] for name in ("uar", "war")}, other]
                cells = [*(f"{percent(one['uar'])} / {percent(one['war'])}" for one in both), "".join(paper)]
                best = int(other["uar"] > both[0]["uar"])  # the better one is bold, ours or not
                cells[best] = f"**{cells[best]}**"
                rows.append(f"| {NAMES[corpus]}, {voices} | {' | '.join(cells)} |")
    unheard = json.loads((RESULTS / "unheard/voices.json").read_text())["mean"]
    for way, words in (("plain", ""), ("speaker", ", with the speaker's own recordings")):
        four = unheard[way]["four"]
        cells = [f"**{percent(four['uar'])} / {percent(four['war'])}**", "", ""]
        rows.append(f"| [four corpora, each left out](docs/unheard.md), 4 classes{words} | {' | '.join(cells)} |")
    return "\n".join(
        [
            *rows,
            "",
            "Per cent, means over folds. The paper does not state its protocol, and its figures are not "
            "reproduced here. Single folds of the paper's own recipe, others' figures, intervals, commands: "
            "[results](docs/results.md); [what was tried](docs/results/experiments.md); [speed](docs/speed.md).",
        ]
    )


def results_page():
    lines = [
        "# Results",
        "",
        "Written by `python docs/write_results.py` from `docs/results/*/report.json`, the reports of `emohrnet "
        "crossval`. Every row names its protocol (`emohrnet_tf/data/splits.py`): `random` folds hold clips out, so the "
        "speakers of the test are known; `speaker` and `loso` hold speakers out. The epoch is chosen as the "
        "configuration says, on validation clips or as the last of the schedule; the epoch that is best on the test is "
        "shown because many papers print it. What others published is quoted as they state it, on their own folds.",
    ]
    reports, functionals = summaries().values(), json.loads((RESULTS / "functionals.json").read_text())
    for (corpus, protocol), published in PUBLISHED.items():
        every = [s for s in reports if (s["corpus"], s["protocol"]) == (corpus, protocol)]
        others, usual = comparators(corpus, protocol), usual_folds(corpus, protocol)
        counts = sorted({summary["folds"] for summary in [*every, *others]} - {usual})
        for count in [usual, *counts]:  # a figure of ten folds, which train on more, is none of five
            own = [summary for summary in every if summary["folds"] == count]
            lines += ["", f"## {NAMES[corpus]}, `{protocol}`{'' if count == usual else f', {count} folds'}", ""]
            lines += ["| what | UAR | WAR | last epoch, UAR / WAR | best on test (optimistic), UAR / WAR |"]
            lines += ["|---|---:|---:|---:|---:|"]
            for summary in own:
                lines.append(f"| **emohrnet_tf**: {made_by(summary)}; {covered(summary)} | {_cells(summary)} |")
            lines += [_comparator_line(summary) for summary in others if summary["folds"] == count]
            lines += _functionals_line(functionals, corpus, protocol) if count == usual else []
            for name, value, measure in published:
                uar = f"{value:.2f}" if measure == "UAR" else ""
                war = "" if measure == "UAR" else f"{value:.2f}" if measure == "WAR" else f"{value:.2f} ({measure})"
                lines.append(f"| {name} | {uar} | {war} | | |")
            for summary in own:
                lines += _details(summary)
    lines += [
        "",
        "## Across corpora",
        "",
        "Trained on all of one, measured on all of the other, seven shared emotions.",
        "",
    ]
    lines += ["| model | measured on | UAR | WAR |", "|---|---|---:|---:|"]
    across = other_reports("across")
    for report in across:
        corpora = ", ".join(NAMES[name].split(",")[0] for name in report["corpora"])
        figures = f"{percent(report['uar'])} | {percent(report['war'])}"
        lines.append(f"| {report['model']} | {corpora}, {report['clips']} clips | {figures} |")
    lines += ["", f"{made_on(across)}.", *robustness_lines()]
    return "\n".join(lines) + "\n"


def _cells(summary):
    """The four cells of a row."""
    scores, result = summary["scores"], summary["scores"][summary["chosen"]]
    cells = [f"{percent(result[name]['mean'])}{_spread(result[name])}" for name in ("uar", "war")]
    for choice in ("last", "best_on_test"):
        cells.append(" / ".join(percent(scores[choice][name]["mean"]) for name in ("uar", "war")))
    return " | ".join(cells)


COMPARATORS = {"light_sernet": "Light-SERNet (arXiv 2110.03435)", "tim_net": "TIM-Net (arXiv 2211.08233)"}
RECIPES = {"published": "as published but for the epoch", "our_recipe": "on this project's log-mels, in its recipe"}


def _comparator_line(summary):
    """The row of another network on the same folds, `benchmarks/comparators.py`."""
    commits = ", ".join(sorted({str(run["commit"]) for run in summary["runs"]}))
    return (
        f"| {COMPARATORS[summary['network']]} built anew (`benchmarks/comparators.py`), {RECIPES[summary['preset']]}, "
        f"{summary['config']['training']['epochs']} epochs; {covered(summary)}, validation clips train too; commit "
        f"{commits}, {machine(summary)} | {_cells(summary)} |"
    )


def _functionals_line(facts, corpus, protocol):
    """The row of the yardstick without a network, `benchmarks/functionals.py`."""
    (row,) = yardstick(facts, corpus, protocol)
    cells = [spread_of([run[name] for run in row["runs"]], 100, 1) for name in ("uar", "war")]
    what = "a support vector machine on statistics of the same log-mels (`benchmarks/functionals.py`)"
    split = f"all {len(row['runs'])} folds, seed 0, validation clips train too"
    return [f"| {what}; {split}; commit {facts['commit']}, {machine(facts)} | {' | '.join(cells)} | | |"]


def _spread(score):
    return "" if score["spread"] is None else f" ± {percent(score['spread'])}"


def _details(summary):
    """Intervals, folds, calibration, what is left without the doubtful clips, and who made it."""
    pooled, chosen = summary["pooled"][0], summary["chosen"]
    kind = "by_speaker" if "by_speaker" in pooled["interval"] else "by_clip"
    low, high = pooled["interval"][kind]["uar"]
    folds = ", ".join(f"{run['fold']}: {percent(run[chosen]['uar'])}" for run in summary["runs"])
    lines = [
        "",
        f"{made_by(summary)}: all test clips of seed {pooled['seed']} together have UAR {percent(pooled['uar'])} (95 % "
        f"interval {percent(low)} to {percent(high)} {kind.replace('_', ' ')}), ECE {percent(pooled['ece'])}. "
        f"UAR by fold: {folds}. {_calibration(summary['calibration'])}Commit "
        f"{', '.join(sorted({str(run['commit']) for run in summary['runs']}))}; {machine(summary)}."
        + _without_chosen_by(summary)
        + _compared(summary),
        "",
        *(f"`{start_command(report)} --out {folder}`  " for report, folder in starts(summary)),
        f"`{command(summary)}`",
        "",
        "| least confidence | share of the clips | WAR | UAR |",
        "|---:|---:|---:|---:|",
    ]
    for row in pooled["coverage"]:
        cells = [percent(row[name]) for name in ("coverage", "war", "uar")]
        lines.append(f"| {row['min_confidence']:g} | {' | '.join(cells)} |")
    return lines


def _calibration(facts):
    if not facts:
        return "No clip was left to calibrate by. "
    return (
        f"ECE before calibration {percent(facts['ece_before'])}, after {percent(facts['ece_after'])} (means over "
        "folds). "
    )


def _without_chosen_by(summary):
    """The mean without the folds that test the speakers by whom the recipe was chosen, who validate fold 0."""
    if not summary["complete"] or summary["protocol"] not in ("speaker", "loso"):
        return ""
    if summary["protocol"] == "loso":  # one speaker tests, the next one validates
        tests = [{row["speaker"]} for row in summary["pooled"][0]["per_speaker"]]
        chosen_by = tests[1]
    elif summary["corpus"] == "ravdess" and summary["scheme"] == "published":
        tests = [set(test.split()) for test, _ in SCHEMES["published"]]
        chosen_by = set(SCHEMES["published"][0][1].split())
    else:
        return ""
    folds = [fold for fold, test in enumerate(tests) if chosen_by & test]
    left = [run[summary["chosen"]] for run in summary["runs"] if run["fold"] not in folds]
    scores = ", ".join(
        f"{name.upper()} {percent(statistics.mean(run[name] for run in left))}" for name in ("uar", "war")
    )
    return (
        f" Without fold {', '.join(map(str, folds))}, which tests {' and '.join(sorted(chosen_by))}, by whom the "
        f"recipe was chosen: {scores}."
    )


def _compared(summary):
    """How many runs of other settings the recipe was chosen from."""
    if nearest(summary) == "paper":
        return ""
    kind = summary["corpus"], summary["protocol"], 0
    count = sum((row["corpus"], row["protocol"], row["fold"]) == kind for row in experiments())
    return f" {count} runs on fold 0 were compared by their validation clips ([log](results/experiments.md))."
