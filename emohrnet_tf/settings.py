"""A group of settings: a frozen dataclass whose fields declare what they may be, and which checks itself."""

import math
from dataclasses import dataclass, field, fields

from emohrnet_tf.errors import InputError


def setting(default, *choices, least=-math.inf, most=math.inf, below=math.inf):
    """A field and what it may be besides its type: one of the words `choices`, a number within the limits."""
    return field(default=default, metadata={"choices": choices, "least": least, "most": most, "below": below})


def choices(group, key):
    """The words that a setting may be, e.g. `choices(Head, "kind")`."""
    return next(f.metadata["choices"] for f in fields(group) if f.name == key)


@dataclass(frozen=True)
class Settings:
    """The base of a group, checked however it is made: by hand, from JSON, out of a saved model.

    Raises:
        InputError: a value that its field does not declare.
    """

    def __post_init__(self):
        for f in fields(self):
            value, kinds = getattr(self, f.name), _kinds(f)
            value = value.item() if hasattr(value, "item") else value  # NumPy's
            if type(value) is int and float in kinds:
                value = float(value)  # 1 for 1.0
            object.__setattr__(self, f.name, value)
            if not _fits(value, kinds, **f.metadata):
                self.refuse(f.name, f"must be {_spell(f)}")

    @classmethod
    def of(cls, given):
        """The group from a dictionary of some of its settings; None has the defaults, and a group is itself."""
        if isinstance(given, cls):
            return given
        given = {} if given is None else given
        refuse_unknown(given, [f.name for f in fields(cls)], f"setting of {cls.name()!r}")
        return cls(**given)

    @classmethod
    def name(cls):
        return cls.__name__.lower()

    def refuse(self, key, what):
        """Raise the InputError about one of the settings."""
        raise InputError(f"Setting {self.name()}.{key} {what}. Received: {getattr(self, key)!r}")


def refuse_unknown(given, known, what):
    """Raise an InputError where `given` is no dictionary, or has a key that is not known."""
    if not isinstance(given, dict):
        raise InputError(f"Settings come as a dictionary, each key a {what}. Received: {given!r}")
    for key in given:
        if key not in known:
            raise InputError(f"Unknown {what}: choose one of {', '.join(sorted(known))}. Received: {key!r}")


def _kinds(f):
    """The types of a field: `(int, str)` of `int | str`."""
    return getattr(f.type, "__args__", (f.type,))


def _fits(value, kinds, choices, least, most, below):
    if type(value) not in kinds:
        return False
    if isinstance(value, str):
        return value in choices or not choices
    if isinstance(value, bool | list) or value is None:
        return True
    return math.isfinite(value) and least <= value <= most and value < below


def _spell(f):
    """What a field may be, in words: "int of at least 1", "one of constant, cosine"."""
    kinds, words = [kind.__name__ for kind in _kinds(f) if kind in (bool, int, float, list)], f.metadata["choices"]
    limits = (("at least", "least"), ("at most", "most"), ("below", "below"))
    limits = [f"{word} {f.metadata[key]:g}" for word, key in limits if math.isfinite(f.metadata[key])]
    parts = [" of ".join([*kinds, *([" and ".join(limits)] if limits else [])])] if kinds else []
    if str in _kinds(f):
        parts.append(f"one of {', '.join(words)}" if words else "text")
    return ", or ".join([*parts, *["null"] * (type(None) in _kinds(f))])
