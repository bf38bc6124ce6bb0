"""Tables inside the pages of docs that are written by hand."""

import json

from pages.figures import RESULTS, ROOT, filled, machine, made_on, percent, spread_of


def own_labels_page():
    """docs/own_labels.md with what `benchmarks/finetuning.py` measured."""
    file = ROOT / "benchmarks/finetuning.json"
    lines = _finetuning_lines(json.loads(file.read_text())) if file.exists() else []
    return filled("docs/own_labels.md", "from benchmarks/finetuning.json", "fine-tuning", lines)


def dimensions_page():
    """docs/dimensions.md with what `benchmarks/sphere.py` measured."""
    lines = []
    for name, write in (("sphere", _sphere_lines), ("sphere_ravdess", _weak_lines)):
        file = RESULTS / f"{name}.json"
        lines += write(json.loads(file.read_text())) if file.exists() else []
    return filled("docs/dimensions.md", "from docs/results/sphere*.json", "sphere", lines)


def _sphere_lines(facts):
    """The table of the parts of the sphere's head, by share of the training speakers."""
    columns = ("valence", "arousal", "dominance", "mean")
    lines = []
    for share in dict.fromkeys(run["share"] for run in facts["runs"]):
        runs = [run for run in facts["runs"] if run["share"] == share]
        clips, plain = runs[0]["clips"], {run["seed"]: run["mean"] for run in runs if run["head"] == "regression"}
        few = "" if len(runs) >= 5 * len(facts["heads"]) else ", of which more are to come: differences are not settled"
        lines += [
            f"Synthetic voices, no measure of real speech: {clips['train']} training clips, {clips['test']} test clips "
            f"of unseen speakers ({facts['protocol']}), `{facts['settings']['network']['architecture']}`, "
            f"{facts['epochs'][str(share)]} epochs, last epoch. CCC, mean ± standard deviation over seeds{few}. "
            f"{made_on(runs)}.",
            "",
            "| head | seeds | valence | arousal | dominance | mean | to regression, seed by seed | emotions, UAR |",
            "|---|---:|---:|---:|---:|---:|---:|---:|",
        ]
        for head in dict.fromkeys(run["head"] for run in runs):
            own = [run for run in runs if run["head"] == head]
            cells = [spread_of([run[column] for run in own]) for column in columns]
            named = [run["uar"] for run in own if run.get("uar") is not None]
            cells.append(spread_of([run["mean"] - plain[run["seed"]] for run in own]) if head != "regression" else "")
            lines.append(f"| {head} | {len(own)} | {' | '.join(cells)} | {spread_of(named, 100, 1) if named else ''} |")
        for row in facts["baselines"]:
            if row["share"] == share:
                lines.append(f"| {row['head']} | | {' | '.join(f'{row[column]:.3f}' for column in columns)} | | |")
        lines.append("")
    return lines


def _weak_lines(facts):
    """Whether one point for each emotion helps RAVDESS' emotions."""
    training, seeds = facts["config"]["training"], len({run["seed"] for run in facts["runs"]})
    lines = [
        f"RAVDESS, {facts['protocol']}, `{facts['config']['network']['architecture']}`, `tuned` with light "
        f"augmentation, {training['epochs']} epochs, last epoch; weak labels: each emotion's published point (Russell "
        f"& Mehrabian 1977), none for calm. Mean ± standard deviation over {seeds} seeds. {made_on(facts['runs'])}.",
        "",
        "| head | validation UAR | test UAR | test WAR |",
        "|---|---:|---:|---:|",
    ]
    for head in dict.fromkeys(run["head"] for run in facts["runs"]):
        own = [run for run in facts["runs"] if run["head"] == head]
        cells = [spread_of([run[name] for run in own], 100, 1) for name in ("validation_uar", "uar", "war")]
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
