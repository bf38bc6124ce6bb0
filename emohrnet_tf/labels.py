"""Names that a class may have: what our tables and answers call by other meanings is kept out."""

from emohrnet_tf.errors import InputError

RESERVED = frozenset(
    (
        *("file", "speaker", "emotion", "error", "seed", "split"),  # columns of predictions and of splits
        *("start", "end", "confidence", "duration", "channel", "clip"),  # of timelines and moments
        *("text", "overlap", "turns", "seconds"),  # of turns, and of what is said of their speakers
        *("level_db", "pitch_hz", "pitch_range_semitones", "voiced_per_second"),  # of prosody
        "corpus",  # of predictions on several
        *("valence", "arousal", "dominance", "true_valence", "true_arousal", "true_dominance"),
        *("radius", "theta", "phi", "region"),
        *("silence", "uncertain"),  # what stands in place of an emotion
    )
)


def check_labels(labels):
    """Refuse names that could be taken for another class, or for a word of our own.

    Args:
        labels: names of emotions, each once; of any type, they are read as text.

    Raises:
        InputError: an empty name, one with a line break, another control character or bytes that are no UTF-8, two that
            differ in blanks at their ends alone, or one of `RESERVED`, in capitals or not.

    Example:
        >>> check_labels(["anger", "silence"])  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        emohrnet_tf.errors.InputError: no class can be called 'silence', ...
    """
    seen = {}
    for label in map(str, labels):
        name = label.strip()
        if not name:
            raise InputError(f"a class has an empty name; give it one, or leave its clips out. Received: {label!r}")
        if any(ord(letter) < 32 or letter in "\x7f\x85\u2028\u2029" for letter in label):
            raise InputError(
                f"the name of a class is one line of text, without tabs or line breaks; rename it. Received: {label!r}"
            )
        if any("\ud800" <= letter <= "\udfff" for letter in label):
            raise InputError(
                f"the name of a class holds bytes that are no UTF-8; rename it, or its folder. Received: {label!r}"
            )
        if name.casefold() in RESERVED:
            raise InputError(
                f"no class can be called {name!r}, which is a word of our own in tables of answers; rename it, e.g. "
                f"{name + ' speech'!r}. Received: {label!r}"
            )
        if seen.setdefault(name, label) != label:
            raise InputError(
                f"two classes differ in blanks alone; make them one, or rename one. Received: {[seen[name], label]!r}"
            )
