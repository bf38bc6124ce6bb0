"""Who is heard in a run: its corpora, speakers, hours, what was left out; and how it is said."""

from emohrnet_tf.data.leakage import speakers_of

NETWORKS = {"none": "functionals"}  # what an architecture is called in titles


def counted(number, what):
    """A number and what it is of: "1 run", "2 runs"."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def of_corpora_of(index, part):
    """The clips of an index whose corpus has clips in a part of it."""
    return index[index.corpus.isin(set(part.corpus))] if "corpus" in index else index


def names_of_speakers(index):
    """Names of the speakers of an index, with the corpus' before where there are several; None where none is told."""
    return speakers_of(index, missing=True) if "speaker" in index else None


def count_corpora(clips, parts):
    """What a run's corpora hold: for each its clips by part, and of all of them speakers, hours and emotions."""
    index = clips.index.assign(part=parts.to_numpy(), seconds=clips.lengths / clips.sample_rate)
    if "corpus" not in index:
        return []
    return [
        {
            "corpus": str(corpus),
            "clips": {part: int(count) for part, count in rows.part.value_counts().items()},
            "speakers": int(rows.speaker.nunique()) if "speaker" in rows else 0,
            "hours": float(rows.seconds.sum() / 3600),
            "emotions": {str(emotion): int(count) for emotion, count in rows.emotion.value_counts().items()},
        }
        for corpus, rows in index.groupby("corpus")
    ]


def count_left_out(index):
    """`{corpus: {emotion: clips}}`."""
    if not len(index):
        return {}
    return {str(name): rows.emotion.value_counts().to_dict() for name, rows in index.groupby("corpus")}
