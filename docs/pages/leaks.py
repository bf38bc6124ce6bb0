"""docs/leakage.md: what each leak of an evaluation is worth."""

import json
import statistics

from pages.figures import NAMES, RESULTS, filled, made_on, percent, spread_of
from pages.results import COMPARATORS, summaries

LEAKS = {
    "speakers": "speakers known",
    "setting, speaker": "setting chosen on the test, unseen speakers",
    "setting, loso": "setting chosen on the test, unseen speakers",
    "setting, random": "setting chosen on the test, known speakers",
    "epoch, speaker": "epoch chosen on the test, unseen speakers",
    "epoch, loso": "epoch chosen on the test, unseen speakers",
    "epoch, random": "epoch chosen on the test, known speakers",
    "duplicates": "byte-identical files on both sides",
    "windows": "windows cut before the split",
    "copies": "copies made before the split",
}


def leakage_page():
    reports = [json.loads(file.read_text()) for file in sorted(RESULTS.glob("leaks_*.json"))]
    lines = ["| corpus | by | leak | UAR without | UAR with | worth |", "|---|---|---|---:|---:|---:|"]
    for report in reports:
        runs = {(row["leak"], row["leaking"]): [run["uar"] for run in row["runs"]] for row in report["rows"]}
        corpus = NAMES[report["rows"][0]["corpus"]]
        by = f"HRNet `{report['network']}`" if "network" in report else "support vector machine"
        for leak in [leak for leak in LEAKS if {(leak, True), (leak, False)} <= set(runs)]:
            honest, leaking = runs[leak, False], runs[leak, True]
            worth = 100 * (statistics.mean(leaking) - statistics.mean(honest))
            cells = f"{spread_of(honest, 100, 1)} | {spread_of(leaking, 100, 1)} | {worth:+.1f}"
            copies = f" ({report['rows'][0]['same']} here)" if leak == "duplicates" else ""
            lines.append(f"| {corpus} | {by} | {LEAKS[leak]}{copies} | {cells} |")
    found = [json.loads(file.read_text()) for file in sorted((RESULTS / "comparators").glob("*/report.json"))]
    for summary in [*summaries().values(), *found]:
        honest, best = summary["scores"][summary["chosen"]]["uar"], summary["scores"]["best_on_test"]["uar"]
        name = COMPARATORS.get(summary["network"], f"`{summary['preset']}`")
        folds = len(summary["runs"])
        lines.append(
            f"| {NAMES[summary['corpus']]} | {name} | epoch chosen on the test, `{summary['protocol']}`, {folds} "
            f"fold{'s' if folds > 1 else ''} | {percent(honest['mean'])} | {percent(best['mean'])} | "
            f"{100 * (best['mean'] - honest['mean']):+.1f} |"
        )
    lines += ["", f"Mean ± standard deviation over folds. {made_on(reports)} for the classifiers."]
    return filled("docs/leakage.md", "from docs/results/leaks_*.json and the reports", "leaks", lines)
