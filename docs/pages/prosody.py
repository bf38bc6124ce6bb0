"""docs/prosody.md: what level, pitch, its range and the rate of voiced stretches tell of emotions."""

import json

from pages.figures import NAMES, RESULTS, filled, made_on, percent

COLUMNS = {
    "level_db": "level, dB",
    "pitch_semitones": "pitch, semitones",
    "pitch_range_semitones": "pitch range, semitones",
    "voiced_per_second": "voiced stretches per second",
}


def prosody_page():
    report = json.loads((RESULTS / "prosody.json").read_text())
    lines = [f"| corpus | emotion | {' | '.join(COLUMNS.values())} |", f"|---|---|{'---:|' * len(COLUMNS)}"]
    for corpus, found in report["corpora"].items():
        for emotion, row in sorted(found["against_neutral"].items(), key=lambda item: -item[1]["level_db"][0]):
            cells = (f"{row[name][0]:+.1f} ({row[name][1]:+.1f} to {row[name][2]:+.1f})" for name in COLUMNS)
            lines.append(f"| {NAMES[corpus]} | {emotion} | {' | '.join(cells)} |")
    lines += [
        "",
        "In brackets the first and third quartile. Then the share of the variance within speakers that lies between "
        "the emotions, and the UAR of a logistic regression on the four numbers, tested on speakers that it has not "
        "heard, as they are and standardised over each speaker's clips:",
        "",
        f"| corpus | {' | '.join(name.split(',')[0] for name in COLUMNS.values())} | UAR | UAR, by speaker | chance |",
        f"|---|{'---:|' * (len(COLUMNS) + 3)}",
    ]
    for corpus, found in report["corpora"].items():
        shares = " | ".join(f"{percent(found['explained'][name])} %" for name in COLUMNS)
        uar = [percent(found["uar"][name]) for name in ("as they are", "by speaker")]
        lines.append(f"| {NAMES[corpus]} | {shares} | {' | '.join(uar)} | {100 / len(found['emotions']):.1f} |")
    lines += ["", f"{made_on([report])}."]
    return filled("docs/prosody.md", "from docs/results/prosody.json", "prosody", lines)
