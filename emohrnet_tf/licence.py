"""Under what terms weights are, which is the matter of the speech they were trained on, not of this package's code."""

import re

NON_COMMERCIAL = "CC BY-NC-SA 4.0, non-commercial (https://creativecommons.org/licenses/by-nc-sa/4.0/)"
KNOWN = {"ravdess": NON_COMMERCIAL, "nemo": NON_COMMERCIAL, "emospeech": NON_COMMERCIAL, "emospeechin": NON_COMMERCIAL}
UNKNOWN = "not stated: what the weights were trained on is not recorded; ask whoever made them"
NOT_NAMED = "a corpus not named"


def licence_of(corpora):
    """The licence of weights that were trained on corpora, by the names of these.

    Example:
        >>> licence_of(["emovo"])
        'not stated: weights trained on emovo; ask its licence'
    """
    corpora = sorted(set(corpora))
    known = {name: KNOWN.get(re.sub(r"[^a-z0-9]", "", name.lower())) for name in corpora}
    other = [name for name in corpora if known[name] is None]
    parts = [
        f"{terms}: weights trained on {', '.join(name for name in corpora if known[name] == terms)}"
        for terms in dict.fromkeys(filter(None, known.values()))
    ]
    if other:
        asked = "its licence" if len(other) == 1 else "their licences"
        parts.append(f"not stated: weights trained on {', '.join(other)}; ask {asked}")
    return "; and ".join(parts) or UNKNOWN


def joined(corpora, trained_on, licence):
    """`(licence, trained_on)` of weights trained on corpora from those of a model with such a record.

    Terms of the model that do not follow from its corpora, set by hand, are kept.
    """
    both = sorted({*corpora, *trained_on})
    own = [] if licence == licence_of(trained_on) and trained_on else [licence]
    return "; and ".join([licence_of(both), *(f"of the model trained from: {terms}" for terms in own)]), both
