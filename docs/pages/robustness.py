"""Where models break: the table of `emohrnet robustness`, for the results and for the card."""

import json

from pages.figures import RESULTS, percent


def other_reports(prefix):
    """Reports of `emohrnet evaluate` and `emohrnet robustness` in docs/results."""
    return [json.loads(file.read_text()) for file in sorted(RESULTS.glob(f"{prefix}_*.json"))]


def robustness_lines():
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
