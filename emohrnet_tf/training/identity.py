"""What tells a run from another: settings, clips by their samples, their split, and the model it starts from."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd

from emohrnet_tf.audio.identity import Heard
from emohrnet_tf.config import Config
from emohrnet_tf.data.leakage import heard, record_of, regrouped
from emohrnet_tf.data.splits import split
from emohrnet_tf.errors import InputError
from emohrnet_tf.files import left_over, read_csv, writable_folder
from emohrnet_tf.licence import NOT_NAMED, joined, licence_of
from emohrnet_tf.model.files import model_file
from emohrnet_tf.model.sphere import DIMENSIONS
from emohrnet_tf.pretrained import is_pretrained, read_weights


def settings_of(config, protocol, fold, seed, **split_options):
    """What tells a run from another besides its clips, as its folder and its report hold it."""
    run = {"protocol": protocol, "fold": fold, "seed": seed, "folds": None, **split_options}  # None: the protocol's own
    if initial := config.training.initial:
        run["initial"] = weights_hash(initial)
    return run | {"config": config.to_dict()}


def weights_hash(model):
    """A short hash of a model to start from, by what is in its file, not by its name."""
    file, hashed = model_file(model), hashlib.sha256()
    for part in read_weights(file)[1] if is_pretrained(model) else [file.read_bytes()]:
        hashed.update(part)
    return hashed.hexdigest()[:16]


def divided(clips, config, protocol, fold, seed, **split_options):
    """`(index, parts)`: the clips, copies of each other in one `group`, and what each is for."""
    own = clips.marks  # reads what has not been read, and leaves out what cannot be
    index = regrouped(clips.index, own)
    parts = split(index, protocol, fold=fold, seed=seed, **split_options)
    return index, parts.replace("validation", "train") if config.training.train_on_validation else parts


def check_unheard(initial, clips, rows):
    """Refuse a model to start from that has heard the test part, or was trained on the validation part.

    Returns:
        Whether it is known that it has not heard the test part.

    Raises:
        InputError: it, or a model that it started from, has heard such a clip.
    """
    known = True
    for part, trained_only in (("test", False), ("validation", True)):
        of_part = [clips.marks[row] for row in rows[part]]
        seen = heard(initial, clips.index.iloc[rows[part]], of_part, trained_only)
        if seen.fillna(False).any():
            file = clips.index.file.iloc[rows[part][int(seen.fillna(False).to_numpy(bool).argmax())]]
            raise InputError(
                f"The model to start from has heard clips of the {part} part, {file} among them: start from one "
                f"trained on other speech. Received: {initial}"
            )
        known &= part != "test" or bool(seen.notna().all())
    return known


def sign(model, clips, parts, initial=None, terms=None):
    """Write into a model what speech it comes from, and so under what terms it is.

    Args:
        model: `EmoHRNet`.
        clips, parts: what it was trained on and chosen by.
        initial: the model that it started from, or None.
        terms: `trained_on` and `licence` of that model, or None.
    """
    used = np.flatnonzero(parts.isin(["train", "validation"]))
    model.heard = Heard.of([clips.marks[row] for row in used], (parts == "train").to_numpy()[used])
    if initial:
        model.heard |= record_of(initial) or Heard(complete=False)
    corpora = clips.index.corpus.iloc[used].fillna(NOT_NAMED).astype(str) if "corpus" in clips.index else [NOT_NAMED]
    model.licence, model.trained_on = joined(corpora, *terms) if terms else (licence_of(corpora), sorted(set(corpora)))


def fingerprint(index, head, clip_marks, parts):
    """A short hash of all that decides a run besides its settings: the clips' samples and labels, and their split.

    Names of files do not count. What comes behind "2:" is of this kind; a bare hash is of `earlier_fingerprint`.

    Args:
        index, parts: of `divided`.
        head: `config.Head`.
        clip_marks: `identity.marks` of the index.
    """
    names = ["emotion", "speaker", "corpus", "session", "split", "also", "channel", "start", "end"]
    names += [*DIMENSIONS, "vad_scale"] if head.dimensions else []
    names = [name for name in names if name in index and index[name].notna().any()]
    table = index[names].assign(
        group=pd.factorize(index["group"])[0], part=parts, content=[found[0][0] for found in clip_marks]
    )
    return "2:" + hashlib.sha256(table.to_csv(index=False).encode("utf-8", "surrogateescape")).hexdigest()[:16]


def earlier_fingerprint(index, head):
    """The hash by which versions before 0.2 knew an index: files' names and labels, neither split nor samples."""
    labels = [name for name in (*DIMENSIONS, "vad_scale") if name in index] if head.dimensions else []
    text = index[["file", "emotion", *labels]].assign(file=index.file.map(lambda f: Path(f).name)).to_csv(index=False)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def finished(out, run, index=None, parts=None):
    """Whether the run folder holds this run's report; False where it holds an unfinished one, or nothing.

    Args:
        out: the folder.
        run: of `settings_of`, and once the clips are known with their `fingerprint` as `index`.
        index, parts: of `divided`, by which a folder of an earlier version is known.

    Raises:
        InputError: the folder holds another run, or files that are no run.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file: give another folder as --out. Received: {out}")
    described = out / "config.json"
    if described.exists():
        there = json.loads(described.read_text(encoding="utf-8"))
        asked = json.loads(json.dumps(run))
        if "config" in there:  # a setting that came later has its default
            there["config"] = Config.from_dict(there["config"]).to_dict()
        if not there.get("index", "2:").startswith("2:"):  # of an earlier version
            asked.pop("initial", None)
            if index is not None and not _same_split(out / "split.csv", index, parts):
                raise InputError(
                    f"{out} holds a run of an earlier version with another split, or other clips: give another folder, "
                    f"or delete it to start anew. Received: {out}"
                )
            asked.pop("index", None)
        different = [key for key in asked if there.get(key) != asked[key]]
        if different:
            raise InputError(
                f"{out} holds a run with another {', '.join(different)}: give another folder, or delete it to start "
                f"anew. Received: {out}"
            )
        return (out / "report.json").exists()
    writable_folder(out)
    if out.exists() and any(not left_over(file) for file in out.iterdir()):
        raise InputError(f"{out} is not empty and holds no run: give a new folder as --out. Received: {out}")
    return False


def _same_split(file, index, parts):
    """Whether a run's split.csv lists these clips and these parts, by the names of files; True where there is none."""
    if not file.exists():
        return True  # nothing was trained yet
    there, names = read_csv(file, ("start", "end")), ["emotion", "speaker", "start", "end", "split"]

    def rows(table):
        kept = [name for name in names if name in table and table[name].notna().any()]
        values = table[kept].assign(file=table["file"].map(lambda path: Path(path).name))
        return list(values), values.fillna("").astype(str).to_numpy().tolist()

    return rows(there) == rows(index.assign(split=parts))
