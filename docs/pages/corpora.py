"""The table of corpora in docs/corpora.md, from the registry that reads them."""

from pages.figures import filled

from emohrnet_tf.corpora import GRAMMARS


def corpora_page():
    """docs/corpora.md with a row for each corpus that is read by the names of its files."""
    lines = [
        "| name | corpus | speech | clips | labels | files | licence, as its authors state it | source |",
        "|---|---|---|---:|---|---|---|---|",
    ]
    for name, grammar in GRAMMARS.items():
        labels = [label for label in dict.fromkeys(grammar.codes["emotion"].values()) if label]
        clips = "" if grammar.clips is None else str(grammar.clips)
        cells = (f"`{name}`", grammar.title, grammar.language, clips, ", ".join(labels), f"`{grammar.layout}`")
        lines.append("| " + " | ".join((*cells, grammar.licence, grammar.source)) + " |")
    return filled("docs/corpora.md", "from emohrnet_tf/corpora/grammars.py", "corpora", lines)
