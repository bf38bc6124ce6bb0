"""Writes every table of figures in the docs from the JSON files that the commands made.

    python docs/write_results.py              # write
    python docs/write_results.py --check      # fail where a page is not what its JSON says
    python docs/write_results.py --keep RUN   # also take a run's validation figures into the log of experiments

README's results and docs/results.md come from docs/results/*/ (`emohrnet crossval`), docs/results/experiments.md from
docs/results/experiments/*.json, docs/results/known.md from docs/results/known/*.json, docs/corpora.md from the registry
of corpora, the other pages from docs/exports and benchmarks.
"""

import sys

from pages.card import card_page
from pages.corpora import corpora_page
from pages.experiments import experiments_page, keep, known_page
from pages.figures import ROOT
from pages.jobs import dimensions_page, own_labels_page
from pages.leaks import leakage_page
from pages.prosody import prosody_page
from pages.results import result_rows, results_page
from pages.speed import export_page, speed_page
from pages.unheard import unheard_page, voices_card, voices_page

from emohrnet_tf.pretrained import weights_file


def pages():
    readme = (ROOT / "README.md").read_text()
    begin, end = "from docs/results/*/report.json -->\n", "<!-- end of results -->"
    head, rest = readme.split(begin)
    return {
        ROOT / "README.md": head + begin + result_rows() + "\n" + end + rest.split(end)[1],
        ROOT / "docs/results.md": results_page(),
        ROOT / "docs/leakage.md": leakage_page(),
        ROOT / "docs/results/experiments.md": experiments_page(),
        ROOT / "docs/results/known.md": known_page(),
        ROOT / "docs/unheard.md": unheard_page(),
        ROOT / "docs/results/voices.md": voices_page(),
        weights_file("ravdess").with_suffix(".md"): card_page(),
        weights_file("voices").with_suffix(".md"): voices_card(),
        ROOT / "docs/speed.md": speed_page(),
        ROOT / "docs/export.md": export_page(),
        ROOT / "docs/own_labels.md": own_labels_page(),
        ROOT / "docs/dimensions.md": dimensions_page(),
        ROOT / "docs/corpora.md": corpora_page(),
        ROOT / "docs/prosody.md": prosody_page(),
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
