"""Writes every table of figures in the docs from the JSON files that the commands made.

    python docs/write_results.py              # write
    python docs/write_results.py --check      # fail where a page is not what its JSON says
    python docs/write_results.py --keep RUN   # also take a run's validation figures into the log of experiments

README's results and docs/results.md come from docs/results/*/ (`emohrnet crossval`), docs/results/experiments.md from
docs/results/experiments/*.json, the other pages from docs/exports and benchmarks.
"""

import json
import statistics
import sys
from pathlib import Path

from emohrnet_tf.pretrained import read_weights, weights_file
from emohrnet_tf.report import write_json
from emohrnet_tf.splits import SCHEMES

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "docs/results"
NAMES = {"ravdess": "RAVDESS, 8 classes", "emovo": "EMOVO, 7 classes"}
# What others published, by corpus and protocol: name, per cent, measure. "unseen" are speakers.
PUBLISHED = {
    ("ravdess", "random"): [
        ("EmoHRNet (ICASSP 2024), protocol not stated", 92.45, "accuracy"),
        ("TIM-Net (arXiv 2211.08233), epoch chosen on the test fold", 92.08, "WAR"),
        ("TIM-Net, epoch chosen without the test fold", 90.07, "WAR"),
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
        ("TIM-Net, epoch chosen on the test fold", 92.00, "WAR"),
        ("TIM-Net, epoch chosen without the test fold", 86.56, "WAR"),
    ],
    ("emovo", "loso"): [
        ("WavLM-base, frozen", 42.4, "accuracy"),
        ("HuBERT-base, frozen", 46.1, "accuracy"),
        ("WavLM-large, frozen, 317 M parameters", 48.8, "accuracy"),
    ],
}


def percent(value):
    return "" if value is None else f"{100 * value:.1f}"


def summaries():
    """The reports of `emohrnet crossval`, by folder, those of all folds first."""
    found = {file.parent.name: json.loads(file.read_text()) for file in sorted(RESULTS.glob("*/report.json"))}
    return dict(sorted(found.items(), key=lambda item: not item[1]["complete"]))


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
    start = f", from the {training['initial']} model" if training["initial"] else ""
    also = "".join(f", {NAMES[corpus].split(',')[0]} trains too" for corpus in summary.get("also", {}))
    return f"{summary['network']}, `{summary['preset']}`, {training['epochs']} epochs{start}{also}"


def result_rows():
    """README's table: one row for each report of `emohrnet crossval`."""
    rows = ["| corpus | protocol | made by | UAR | WAR | last epoch, UAR | best on test (optimistic), UAR |"]
    rows.append("|---|---|---|---:|---:|---:|---:|")
    for summary in summaries().values():
        scores, chosen = summary["scores"], summary["chosen"]
        result, spread = scores[chosen], scores[chosen]["uar"]["spread"]
        rows.append(
            f"| {NAMES[summary['corpus']]} | `{summary['protocol']}`, {covered(summary)} | {made_by(summary)} | "
            f"**{percent(result['uar']['mean'])}**{f' ± {percent(spread)}' if spread is not None else ''} | "
            f"{percent(result['war']['mean'])} | {percent(scores['last']['uar']['mean'])} | "
            f"{percent(scores['best_on_test']['uar']['mean'])} |"
        )
    return "\n".join(
        [
            *rows,
            "",
            "Mean ± standard deviation over folds; nothing is chosen on the test. [Everything](docs/results.md).",
        ]
    )


def results_page():
    lines = [
        "# Results",
        "",
        "Written by `python docs/write_results.py` from `docs/results/*/report.json`, the reports of `emohrnet "
        "crossval`. Every row names its protocol (`emohrnet_tf/splits.py`): `random` folds hold clips out, so the "
        "speakers of the test are known; `speaker` and `loso` hold speakers out. The epoch is chosen as the "
        "configuration says, on validation clips or as the last of the schedule; the epoch that is best on the test is "
        "shown because many papers print it. What others published is quoted as they state it, on their own folds.",
    ]
    for (corpus, protocol), published in PUBLISHED.items():
        own = [s for s in summaries().values() if (s["corpus"], s["protocol"]) == (corpus, protocol)]
        lines += ["", f"## {NAMES[corpus]}, `{protocol}`", ""]
        lines += ["| what | UAR | WAR | last epoch, UAR / WAR | best on test (optimistic), UAR / WAR |"]
        lines += ["|---|---:|---:|---:|---:|"]
        for summary in own:
            scores, result = summary["scores"], summary["scores"][summary["chosen"]]
            cells = [f"{percent(result[name]['mean'])}{_spread(result[name])}" for name in ("uar", "war")]
            for choice in ("last", "best_on_test"):
                cells.append(" / ".join(percent(scores[choice][name]["mean"]) for name in ("uar", "war")))
            lines.append(f"| **emohrnet_tf**: {made_by(summary)}; {covered(summary)} | {' | '.join(cells)} |")
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
    for report in other_reports("across"):
        corpora = ", ".join(NAMES[name].split(",")[0] for name in report["corpora"])
        figures = f"{percent(report['uar'])} | {percent(report['war'])}"
        lines.append(f"| {report['model']} | {corpora}, {report['clips']} clips | {figures} |")
    lines += _robustness_lines()
    return "\n".join(lines) + "\n"


def command(summary):
    """The command that makes a report again."""
    from emohrnet_tf.config import preset

    usual, words = preset(summary["preset"]).to_dict(), ["emohrnet crossval", f"{summary['corpus']}.csv"]
    words += ["--out runs/folds", f"--protocol {summary['protocol']}", f"--preset {summary['preset']}"]
    words += [f"--seeds {','.join(map(str, summary['seeds']))}"]
    words += [f"--also {corpus}.csv" for corpus in summary.get("also", {})]
    measured = {"pitch", "duration"}  # settings that a run replaces by what it measured
    for group, values in summary["config"].items():
        for key, value in values.items():
            if value != usual[group][key] and usual[group][key] not in measured:
                words.append(f"--set {group}.{key}={json.dumps(value)}")
    return " ".join(words)


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
        f"UAR by fold: {folds}. ECE before calibration {percent(summary['calibration']['ece_before'])}, after "
        f"{percent(summary['calibration']['ece_after'])} (means over folds). Commit "
        f"{', '.join(sorted({str(run['commit']) for run in summary['runs']}))}; {machine(summary)}."
        + _without_chosen_by(summary),
        "",
        f"`{command(summary)}`",
        "",
        "| least confidence | share of the clips | WAR | UAR |",
        "|---:|---:|---:|---:|",
    ]
    for row in pooled["coverage"]:
        cells = [percent(row[name]) for name in ("coverage", "war", "uar")]
        lines.append(f"| {row['min_confidence']:g} | {' | '.join(cells)} |")
    return lines


def _without_chosen_by(summary):
    """The mean without the folds that test the actors by whom the recipe was chosen, who validate fold 0."""
    if (summary["corpus"], summary["protocol"], summary.get("scheme")) != ("ravdess", "speaker", "published"):
        return ""
    chosen_by = set(SCHEMES["published"][0][1].split())
    folds = [fold for fold, (test, _) in enumerate(SCHEMES["published"]) if chosen_by & set(test.split())]
    left = [run[summary["chosen"]] for run in summary["runs"] if run["fold"] not in folds]
    scores = ", ".join(
        f"{name.upper()} {percent(statistics.mean(run[name] for run in left))}" for name in ("uar", "war")
    )
    return (
        f" Without fold {', '.join(map(str, folds))}, which tests the actors {' and '.join(sorted(chosen_by))}, by "
        f"whom the recipe was chosen: {scores}."
    )


def experiments_page():
    rows = [json.loads(file.read_text()) for file in sorted((RESULTS / "experiments").glob("*.json"))]
    lines = [
        "# What was tried",
        "",
        "Written by `python docs/write_results.py` from `docs/results/experiments/*.json`. Each row is one run; its "
        "figures are of **validation** clips alone: recipes were chosen by these, never by a test. Two validation "
        "speakers are 120 clips, so a difference below some 5 points of UAR says little; the loss says more.",
        "",
        "| experiment | run | loss | UAR | WAR | training accuracy | s an epoch | settings other than the default |",
        "|---|---|---:|---:|---:|---:|---:|---|",
    ]
    for row in rows:
        v = row["validation"]
        run = f"{row['corpus']} `{row['protocol']}` fold {row['fold']} seed {row['seed']}, {row['epochs']} epochs"
        lines.append(
            f"| {row['name']} | {run} | {v['val_loss']:.3f} | {percent(v['val_uar'])} | {percent(v['val_accuracy'])} | "
            f"{percent(v['accuracy'])} | {row['epoch_seconds']:.0f} | {_difference(row['config'])} |"
        )
    commits = sorted({str(row["commit"]) for row in rows})
    lines += ["", f"Commits {', '.join(commits)}; {machine(rows[0])}."]
    return "\n".join(lines) + "\n"


def card_page():
    """The card of the model that comes along."""
    facts, _ = read_weights(weights_file("ravdess"))
    config, audio = facts["config"], facts["model"]["audio"]
    training = config["training"]
    seconds = audio["frames"] * audio["hop"] / audio["sample_rate"]
    lines = [
        "# ravdess: the model that comes along",
        "",
        "Written by `python docs/write_results.py`. Speech in, probabilities of "
        f"{', '.join(facts['model']['labels'])} out; `{facts['model']['network']['architecture']}`, windows of "
        f"{seconds:g} s, {weights_file('ravdess').stat().st_size / 1e6:.1f} MB of float16 weights.",
        "",
        "**Licence: CC BY-NC-SA 4.0, non-commercial** (`LICENSE-ravdess`), because RAVDESS is. The code's licence does "
        "not cover these weights.",
        "",
        f"- **Data**: all {facts['clips']['train']} speech clips of RAVDESS: 24 actors, North American English, two "
        "sentences, acted.",
        f"- **Training**: {training['epochs']} epochs of the preset `tuned`, seed {facts['seed']}, commit "
        f"{facts['commit']}; the last epoch, none chosen. `python docs/make_pretrained.py path/to/RAVDESS` makes it.",
        f"- **Calibration**: temperature {facts['model']['temperature']:.2f}, the mean over folds of unseen speakers.",
        "- **Not for** decisions about people. It hears how a voice is acted, not what a person feels; real emotions "
        "are weaker and mixed, and other languages, ages, microphones and rooms sound otherwise.",
        "",
        "## What to expect",
        "",
        "The model itself has heard every clip of RAVDESS, so its own accuracy there means nothing. The same recipe, "
        "measured on clips that were held out:",
        "",
        "| corpus | protocol | UAR | WAR |",
        "|---|---|---:|---:|",
    ]
    for summary in summaries().values():
        if summary["corpus"] == "ravdess" and summary["preset"] == "tuned":
            result = summary["scores"][summary["chosen"]]
            lines.append(
                f"| RAVDESS | `{summary['protocol']}`, {covered(summary)} | {percent(result['uar']['mean'])} | "
                f"{percent(result['war']['mean'])} |"
            )
    for report in other_reports("across"):
        if report["model"] == "ravdess":
            corpora = ", ".join(NAMES[name].split(",")[0] for name in report["corpora"])
            figures = f"{percent(report['uar'])} | {percent(report['war'])}"
            lines.append(f"| {corpora}, this model | {len(report['labels'])} shared emotions | {figures} |")
    lines += _robustness_lines()
    return "\n".join(lines) + "\n"


def other_reports(prefix):
    """Reports of `emohrnet evaluate` and `emohrnet robustness` in docs/results."""
    return [json.loads(file.read_text()) for file in sorted(RESULTS.glob(f"{prefix}_*.json"))]


def _robustness_lines():
    """One column for each report of `emohrnet robustness`."""
    reports = other_reports("robustness")
    rows = [{row["condition"]: row for row in report["rows"]} for report in reports]
    lines = [
        "",
        "## Where it breaks",
        "",
        f"UAR on the {reports[0]['clips']} test clips of RAVDESS, `speaker`, fold 0, seed 0 (one fold: differences of "
        "some points are chance), by models of the preset `tuned` and one without its noise, equaliser and high cut. "
        "In brackets: clips whose label is that of the clean clip.",
        "",
        f"| condition | {' | '.join(report['model'].replace('_', ' ') for report in reports)} |",
        f"|---|{'---:|' * len(reports)}",
    ]
    for condition in rows[0]:
        cells = [f"{percent(row[condition]['uar'])} ({percent(row[condition]['same_label'])})" for row in rows]
        lines.append(f"| {condition} | {' | '.join(cells)} |")
    return lines


def _difference(config):
    """Settings that are not the default, as `--set` takes them."""
    from emohrnet_tf.config import Config

    default, changed = Config().to_dict(), []
    for group, values in config.items():
        for key, value in values.items():
            if value != default[group][key] and (group, key) not in {
                ("training", "epochs"),
                ("training", "mixed_precision"),
            }:
                changed.append(f"{key} {value}")
    return ", ".join(changed)


def keep(folder):
    """Take what a run says of its validation clips into the log of experiments; what it says of its test stays out."""
    report = json.loads((Path(folder) / "report.json").read_text())
    names = "protocol fold seed corpus config epoch_seconds validation commit versions machine"
    kept = {name: report[name] for name in names.split()} | {"name": Path(folder).name}
    kept["epochs"] = report["epochs"][report["chosen"]]
    kept["validation"] = {k: v for k, v in kept["validation"].items() if not k.startswith("test_")}
    write_json(RESULTS / "experiments" / f"{kept['name']}.json", kept)


def machine(facts):
    return f"{facts['machine']['cores']} cores, {facts['machine']['processor']}"


def speed_page():
    training = json.loads((ROOT / "benchmarks/training.json").read_text())
    pipeline = json.loads((ROOT / "benchmarks/pipeline.json").read_text())
    settings = training["settings"]
    lines = [
        "# Speed and memory",
        "",
        "Written by `python docs/write_results.py` from `benchmarks/*.json`, which the scripts there make. Machine: "
        f"{machine(training)}; TensorFlow {training['versions']['tensorflow']}, Keras {training['versions']['keras']}; "
        f"commit {training['commit']}. Ratios within a table come from one run.",
        "",
        f"## Training step ({settings['frames']} x {settings['mels']} log-mels, batches of {settings['batch_size']})",
        "",
        "| architecture | parameters | clips/s | ms a clip | GFLOP/s | share of matrix peak | first step, s |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for row in training["rows"]:
        lines.append(
            f"| {row['architecture']} | {row['parameters']:,} | {row['clips_per_second']:.0f} | "
            f"{row['milliseconds_per_clip']:.1f} | {row['gflop_per_second']:.0f} | {percent(row['share_of_peak'])} % | "
            f"{row['first_step_seconds']:.1f} |"
        )
    figures = pipeline["clips_per_second"]
    lines += [
        "",
        "The first step counts from the imported package: building, tracing, graph optimisation and the step itself.",
        "",
        f"## Input pipeline ({pipeline['corpus']}, {pipeline['clips']} clips, 4.096 s windows)",
        "",
        "| what | clips/s | to the training step of `small` |",
        "|---|---:|---:|",
        *(f"| {k} | {v:.0f} | {v / figures['training step, small']:.1f} |" for k, v in figures.items()),
        "",
        "| peak memory, read from files, nothing cached | MB |",
        "|---|---:|",
    ]
    for name, megabytes in pipeline["peak_megabytes"].items():
        lines.append(f"| {pipeline['clips'] * int(name.split()[-1]):,} clips | {megabytes:.0f} |")
    return "\n".join([*lines, *folder_lines()]) + "\n"


def folder_lines():
    """The table of `benchmarks/folders.py`."""
    file = ROOT / "benchmarks/folders.json"
    if not file.exists():
        return []
    facts = json.loads(file.read_text())
    names = {"folder": "`emohrnet predict --out`", "litert": "LiteRT float32, one thread, file by file"}
    lines = [
        "",
        f"## A folder of {facts['files']:,} clips (made-up voices, {facts['clip_seconds']:.1f} s)",
        "",
        f"`{facts['network']}`, windows of {facts['window_seconds']:g} s, decoding included; medians of "
        f"{facts['rounds']} rounds in which both take turns, LiteRT on {facts['litert_files']:,} of the files. "
        f"{machine(facts)}; commit {facts['commit']}. The ratio is {facts['ratio']:.2f}.",
        "",
        "| what | files/s | cores busy | peak memory, MB |",
        "|---|---:|---:|---:|",
    ]
    for name, row in facts["rows"].items():
        lines.append(
            f"| {names[name]} | {row['files_per_second']:.0f} | {row['cores_busy']:.2f} of "
            f"{facts['machine']['cores']} | {row['peak_megabytes']:.0f} |"
        )
    return lines


def own_labels_page():
    """docs/own_labels.md with what `benchmarks/finetuning.py` measured."""
    file = ROOT / "benchmarks/finetuning.json"
    lines = _finetuning_lines(json.loads(file.read_text())) if file.exists() else []
    return _filled("docs/own_labels.md", "from benchmarks/finetuning.json", "fine-tuning", lines)


def dimensions_page():
    """docs/dimensions.md with what `benchmarks/sphere.py` measured."""
    lines = []
    for name, write in (("sphere", _sphere_lines), ("sphere_ravdess", _weak_lines)):
        file = RESULTS / f"{name}.json"
        lines += write(json.loads(file.read_text())) if file.exists() else []
    return _filled("docs/dimensions.md", "from docs/results/sphere*.json", "sphere", lines)


def _filled(page, begin, name, lines):
    """A page with the lines between its two comments."""
    begin, end = f"{begin} -->\n", f"<!-- end of {name} -->"
    head, rest = (ROOT / page).read_text().split(begin)
    return head + begin + "".join(line + "\n" for line in lines) + end + rest.split(end)[1]


def _spread_of(values, scale=1, digits=3):
    """Mean and standard deviation of some runs, as text."""
    mean = f"{scale * statistics.mean(values):.{digits}f}"
    return mean if len(values) < 2 else f"{mean} ± {scale * statistics.stdev(values):.{digits}f}"


def _sphere_lines(facts):
    """The table of the parts of the sphere's head, by share of the training speakers."""
    columns = ("valence", "arousal", "dominance", "mean")
    lines = []
    for share in dict.fromkeys(run["share"] for run in facts["runs"]):
        runs = [run for run in facts["runs"] if run["share"] == share]
        clips, seeds = runs[0]["clips"], len({run["seed"] for run in runs})
        lines += [
            f"Synthetic voices, no measure of real speech: {clips['train']} training clips, {clips['test']} test clips "
            f"of unseen speakers ({facts['protocol']}), `{facts['settings']['network']['architecture']}`, "
            f"{facts['epochs'][str(share)]} epochs, last epoch. CCC, mean ± standard deviation over {seeds} seeds. "
            f"Commit {facts['commit']}; {machine(facts)}.",
            "",
            "| head | valence | arousal | dominance | mean | UAR of the emotions |",
            "|---|---:|---:|---:|---:|---:|",
        ]
        for head in dict.fromkeys(run["head"] for run in runs):
            own = [run for run in runs if run["head"] == head]
            cells = [_spread_of([run[column] for run in own]) for column in columns]
            named = [run["uar"] for run in own if run.get("uar") is not None]
            lines.append(f"| {head} | {' | '.join(cells)} | {_spread_of(named, 100, 1) if named else ''} |")
        for row in facts["baselines"]:
            if row["share"] == share:
                lines.append(f"| {row['head']} | {' | '.join(f'{row[column]:.3f}' for column in columns)} | |")
        lines.append("")
    return lines


def _weak_lines(facts):
    """Whether one point for each emotion helps RAVDESS' emotions."""
    training, seeds = facts["config"]["training"], len({run["seed"] for run in facts["runs"]})
    lines = [
        f"RAVDESS, {facts['protocol']}, `{facts['config']['network']['architecture']}`, {training['epochs']} epochs, "
        f"last epoch; weak labels: each emotion's published point (Russell & Mehrabian 1977), none for calm. Mean ± "
        f"standard deviation over {seeds} seeds. Commit {facts['commit']}; {machine(facts)}.",
        "",
        "| head | validation UAR | test UAR | test WAR |",
        "|---|---:|---:|---:|",
    ]
    for head in dict.fromkeys(run["head"] for run in facts["runs"]):
        own = [run for run in facts["runs"] if run["head"] == head]
        cells = [_spread_of([run[name] for run in own], 100, 1) for name in ("validation_uar", "uar", "war")]
        lines.append(f"| {head} | {' | '.join(cells)} |")
    return [*lines, ""]


def _finetuning_lines(facts):
    speakers, rows = facts["speakers"], facts["rows"]
    made_up = "; made-up voices, no measure of real speech" if facts["corpus"] == "synthetic" else ""
    lines = [
        f"UAR in per cent on {rows[0]['test_clips']} clips of {speakers['test']} unseen speakers, "
        f"{len(facts['emotions'])} emotions, chance {100 / len(facts['emotions']):.1f} (corpus: {facts['corpus']}"
        f"{made_up}). Preset `tuned` at a rate of {facts['learning_rate']:g}; both of a row have the same clips, "
        f"epochs and batches; seed {facts['seed']} alone. In brackets: 95 % interval over speakers. Commit "
        f"{facts['commit']}; {machine(facts)}.",
        "",
        "| training clips | epochs, batch | from scratch | from `ravdess` |",
        "|---:|---:|---:|---:|",
    ]
    for clips in dict.fromkeys(row["clips"] for row in rows):
        both = {row["from"]: row for row in rows if row["clips"] == clips}
        cells = [f"{percent(both[k]['uar'])} ({' to '.join(map(percent, both[k]['interval']))})" for k in both]
        scratch = both["scratch"]
        lines.append(f"| {clips} | {scratch['epochs']}, {scratch['batch_size']} | {' | '.join(cells)} |")
    return lines


def export_page():
    export = json.loads((ROOT / "docs/exports/ravdess_small.json").read_text())
    device = json.loads((ROOT / "benchmarks/device.json").read_text())
    verification, yardsticks = export["verification"], device["yardsticks_ms"]
    light = {kind: f"{yardsticks[f'light_sernet {kind}']:.2f} ms" for kind in ("float32", "int8")}
    lines = [
        "# Exported files: do they tell the same, and how fast are they?",
        "",
        "Written by `python docs/write_results.py` from `docs/exports/*.json`, the report of `emohrnet export`, and "
        "`benchmarks/device.json`, which `python benchmarks/device.py` makes.",
        "",
        f"## A RAVDESS model (`small`, speaker fold 0) through every door, {verification['clips']} test clips",
        "",
        "The largest difference of any probability from Keras, over the clips and "
        f"{verification['probes']} made-up sounds. {export['calibration_windows']} windows of the training part "
        f"calibrated int8. Commit {export['commit']}.",
        "",
        "| door | largest difference | top label agrees | where sure (margin > 0.2) | accuracy |",
        "|---|---:|---:|---:|---:|",
    ]
    for door, figures in verification["doors"].items():
        accuracy = "" if figures["accuracy"] is None else f"{percent(figures['accuracy'])} %"
        sure = figures.get("agreement_where_sure")
        sure = "" if sure is None else f"{percent(sure)} %"
        difference, agreement = f"{figures['largest_difference']:.1e}", f"{percent(figures['agreement'])} %"
        lines.append(f"| {door} | {difference} | {agreement} | {sure} | {accuracy} |")
    lines += [
        "",
        "## On one thread",
        "",
        f"Median milliseconds, all taking turns in one run; weights random. {machine(device)}; commit "
        f"{device['commit']}. The network's ratio is to a network of Light-SERNet's published shape (arXiv 2110.03435) "
        f"on 3 s in float32: {light['float32']}, in int8 {light['int8']}. A 512 x 512 x 512 matrix product takes "
        f"{yardsticks['matrix product 512']:.2f} ms. Memory: what a process grows by at its peak when it loads and "
        "runs the file.",
        "",
        "| network | million MACs | window, s | kind | KB | network | ratio | front end | file | partitions | MB |",
        "|---|---:|---:|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in device["rows"]:
        ratio = row["network_ms"] / yardsticks["light_sernet float32"]
        lines.append(
            f"| {row['architecture']} | {row['macs'] / 1e6:.0f} | {row['frames'] * 0.016:.1f} | {row['kind']} | "
            f"{row['bytes'] / 1000:.0f} | {row['network_ms']:.2f} | {ratio:.2f} | {row['front_end_ms']:.2f} | "
            f"{row['file_ms']:.2f} | {row['partitions']} | {row['peak_mb']:.0f} |"
        )
    return "\n".join(lines) + "\n"


def pages():
    readme = (ROOT / "README.md").read_text()
    begin, end = "from docs/results/*/report.json -->\n", "<!-- end of results -->"
    head, rest = readme.split(begin)
    return {
        ROOT / "README.md": head + begin + result_rows() + "\n" + end + rest.split(end)[1],
        ROOT / "docs/results.md": results_page(),
        ROOT / "docs/results/experiments.md": experiments_page(),
        weights_file("ravdess").with_suffix(".md"): card_page(),
        ROOT / "docs/speed.md": speed_page(),
        ROOT / "docs/export.md": export_page(),
        ROOT / "docs/own_labels.md": own_labels_page(),
        ROOT / "docs/dimensions.md": dimensions_page(),
    }


if __name__ == "__main__":
    if "--keep" in sys.argv:
        for folder in sys.argv[sys.argv.index("--keep") + 1 :]:
            keep(folder)
    stale = []
    for page, text in pages().items():
        if "--check" in sys.argv:
            stale += [page.name] if not page.exists() or page.read_text() != text else []
        else:
            page.write_text(text)
    if stale:
        sys.exit(f"not what the JSON files say: {', '.join(stale)}; run python docs/write_results.py")
