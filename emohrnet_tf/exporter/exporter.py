"""From a trained model to what servers and phones run: SavedModel, TFLite, and the proof that all tell the same."""

import json
import os
import tempfile
from pathlib import Path

import numpy as np

from emohrnet_tf import __version__
from emohrnet_tf.audio.windows import windows
from emohrnet_tf.data.leakage import LEFT_OUT
from emohrnet_tf.data.pipeline import Clips
from emohrnet_tf.data.targets import emotion_numbers, read_vad
from emohrnet_tf.errors import InputError
from emohrnet_tf.exporter.card import model_card
from emohrnet_tf.exporter.folder import clear, look_at, next_version, put_in_place
from emohrnet_tf.exporter.gates import missed
from emohrnet_tf.exporter.metadata import add_metadata
from emohrnet_tf.exporter.onnx import missing, to_onnx
from emohrnet_tf.exporter.saved_model import write_saved_model
from emohrnet_tf.exporter.spectra import sounds_of
from emohrnet_tf.exporter.tflite import KINDS, calibration_inputs, quantize, to_float32
from emohrnet_tf.exporter.verify import verify
from emohrnet_tf.files import read_csv, writable, writable_folder, write_json
from emohrnet_tf.model.saved import load_model
from emohrnet_tf.model.sphere import DIMENSIONS
from emohrnet_tf.pretrained import is_pretrained, read_spectra, spectra_file, weights_file
from emohrnet_tf.provenance import provenance

CALIBRATION_CLIPS = 200


def export(
    model, out, index=None, version=None, overwrite=False, name=None, allow_missed_gates=False, say=print, onnx=False
):
    """Export a model and verify every file of it before anything is put in place.

    Args:
        model: path of a `.keras` file, "ravdess", or a run folder, whose split says which clips calibrate and verify.
        out: folder. It gets `saved_model/<version>/`, `tflite/<name>_<kind>.tflite`, `labels.txt`, `model_card.md`
            and `export_report.json`. A model with dimensions has `tflite/<name>_emotion_<kind>.tflite` and
            `tflite/<name>_vad_<kind>.tflite`.
        index: DataFrame with `file`, `emotion` and `split`, in place of the run's own: rows "train" calibrate int8,
            rows "test" verify. Without either, a pretrained model has sounds made from the spectra that come along
            with it; of any other there is no int8, and only made-up sounds verify.
        version: of the SavedModel; else one more than the highest in `out`.
        overwrite: replace `version`, where it is there already.
        name: of the TFLite files, else the run folder's.
        allow_missed_gates: keep an export that misses a gate; the report says so.
        say: what to do with a line of text.
        onnx: write `onnx/<name>.onnx` too; of a model with dimensions one file gives all.

    Returns:
        The report, as in `export_report.json`.

    Raises:
        InputError: not a model of ours, a folder that cannot be written, a version that is there already,
            calibration that is too small or silent, or a missed gate.
    """
    pretrained = str(model) if is_pretrained(model) else None
    path, out = Path(model), writable_folder(out)
    if onnx and (absent := missing()):
        raise InputError(f"An ONNX file needs pip install 'emohrnet_tf[onnx]'. Received: no module {absent[0]}")
    model = load_model(path)
    if pretrained:
        path = weights_file(pretrained)
    folder = path if path.is_dir() else path.parent
    name = (folder.resolve().name if path.is_dir() else path.stem) if name is None else name
    if not name or Path(name).name != name or name.startswith(".") or "\0" in name:
        raise InputError(f"A name of files without folders and without a dot before it. Received: {name!r}")
    writable(out / "tflite" / f"{name}_dynamic_int8.tflite")
    version = next_version(out, version, overwrite)
    names = [*(f"tflite/{name}_{key}.tflite" for key in _tflite_keys(model)), f"onnx/{name}.onnx"]
    look_at(out, names)
    index = _split_index(folder) if index is None else index
    spectra = pretrained and index is None and spectra_file(pretrained).exists()
    if spectra:
        calibration, clips, true, cube = _clips_of_spectra(pretrained, model)
    else:
        calibration, clips, true, cube = _clips(index, model, model.settings.architecture != "none")
    kinds = [kind for kind in KINDS if kind != "int8" or calibration is not None]
    if model.settings.architecture == "none":
        kinds, calibration = ["float32", "float16"], None
        say("Without HRNet there is nothing to store in int8: the file is small as it is.")
    elif calibration is None:
        say("No training clips at hand, so no int8 file: give --index with a column split, or export a run's folder.")
    try:
        out.mkdir(parents=True, exist_ok=True)
        clear(out)
        scratch = tempfile.TemporaryDirectory(dir=out, prefix=f".export-{os.getpid()}-")
    except OSError as error:
        raise InputError(f"{out} cannot be written ({error.strerror}): give another folder as --out.") from error
    with scratch:
        work = Path(scratch.name)
        say("Writing the SavedModel")
        saved = write_saved_model(model, work / "saved_model")
        say(f"Writing TFLite: {', '.join(kinds)}")
        files = _write_tflite(model, work / "tflite", name, kinds, calibration, version)
        onnx_file = None
        if onnx:
            say("Writing ONNX")
            onnx_file = work / "onnx" / f"{name}.onnx"
            onnx_file.parent.mkdir()
            onnx_file.write_bytes(to_onnx(model, {"name": name, "version": version}))
        say(f"Verifying every format on {len(clips)} clips and made-up sounds")
        verification = verify(model, work / "saved_model", files, clips, true, cube, onnx_file)
        failures = missed(verification)
        if failures and not allow_missed_gates:
            raise InputError(
                f"The export does not tell what the model tells ({'; '.join(failures)}): nothing was written. Fix the "
                f"model, or keep it all the same with --allow-missed-gates. Received: {path}"
            )
        report = {
            "model": name,
            "version": version,
            "labels": model.labels,
            "licence": model.licence,
            "trained_on": list(model.trained_on),
            "saved_model": saved,
            "tflite": {kind: {"file": file.name, "bytes": file.stat().st_size} for kind, file in files.items()},
            "onnx": {"file": onnx_file.name, "bytes": onnx_file.stat().st_size} if onnx else None,
            "calibration_windows": 0 if calibration is None else len(calibration),
            "sounds_of_spectra": bool(spectra),
            "verification": verification,
            "missed_gates_allowed": failures,
            **provenance(),
        }
        run = folder / "report.json"
        card = model_card(model, report, json.loads(run.read_text(encoding="utf-8")) if run.exists() else None)
        (work / "model_card.md").write_text(card, encoding="utf-8")
        (work / "labels.txt").write_text("".join(f"{label}\n" for label in model.labels), encoding="utf-8")
        write_json(work / "export_report.json", report)
        put_in_place(work, out, version, names)
    return report


def _tflite_keys(model):
    """What the names of a model's TFLite files end in: kinds, of a model with dimensions after the task."""
    return [_key(model, task, kind) for task in _tasks(model) for kind in KINDS]


def _tasks(model):
    """What a model has TFLite files for, of `tflite.TASKS`."""
    there = {"emotion": model.head.emotions, "vad": model.head.dimensions, "reference": model.takes_reference}
    return [task for task, wanted in there.items() if wanted]


def _key(model, task, kind):
    """What the name of a TFLite file ends in: its kind, behind the task where a kind has several files."""
    return f"{task}_{kind}" if model.head.dimensions or task == "reference" else kind


def _split_index(folder):
    """The split of a run whose files are all still there, or None; without the clips whose label it does not know."""
    file = folder / "split.csv"
    if not file.exists():
        return None
    index = read_csv(file, ("start", "end", *DIMENSIONS))
    return index[index.split != LEFT_OUT]


def _clips(index, model, int8=True):
    """`(calibration inputs or None, test waveforms, labels or None, cube or None)` of an index with a split.

    Without `int8` nothing is calibrated.
    """
    if index is None:
        return None, [], None, None
    if "split" not in index:
        raise InputError(f"The index needs the column split (train, test). Received columns: {list(index)!r}")
    unknown = sorted(set(index.emotion.dropna()) - set(model.labels))
    if unknown and model.labels:
        raise InputError(f"The model knows {', '.join(model.labels)}: relabel or drop the others. Received: {unknown}")
    chosen = index[index.split == "train"]
    chosen = chosen.sample(min(CALIBRATION_CLIPS, len(chosen)), random_state=0)
    test = index[index.split == "test"]
    if not len(chosen) or not len(test):
        raise InputError(
            f"The index needs clips in train and in test. Received: {index.split.value_counts().to_dict()}"
        )
    calibration, test = Clips(chosen, model.audio.sample_rate), Clips(test, model.audio.sample_rate)
    cut = [windows(calibration.waveform(row), model.audio.samples) for row in range(len(calibration.index))]
    true, cube = emotion_numbers(test.index, model.labels), None
    if model.sphere is not None:
        cube, known = read_vad(test.index)
        cube[~known] = np.nan
    clips = [test.waveform(row) for row in range(len(test.index))]
    return calibration_inputs(np.concatenate(cut), model.audio.samples) if int8 else None, clips, true, cube


def _clips_of_spectra(name, model):
    """`_clips` of a pretrained model: sounds of the spectra that come with it, in turn to calibrate and to verify.

    They are of clips that it was trained on: how often it is right on them would say nothing, and is not asked.
    """
    sounds = sounds_of(read_spectra(spectra_file(name)), model.audio)
    return calibration_inputs(sounds[::2], model.audio.samples), list(sounds[1::2]), None, None


def _write_tflite(model, folder, name, kinds, calibration, version):
    """`{kind: path}` of the TFLite files, with metadata; of a model with dimensions `{task_kind: path}`."""
    folder.mkdir()
    files = {}
    for task in _tasks(model):
        plain, labels = to_float32(model, task), [] if task == "vad" else model.labels
        facts = {"samples": model.audio.samples, "export_version": version}
        facts |= {"trained_on": list(model.trained_on)}
        facts |= {"scale": [model.sphere.low, model.sphere.high]} if task == "vad" else {}
        texts = {"description": "Valence, arousal and dominance of speech, from raw audio."} if task == "vad" else {}
        for kind in kinds:
            given = calibration if kind == "int8" else None
            if given and task == "reference":
                none = np.zeros((1, model.widths["embedding"]), "float32")
                given = [inputs | {"reference": none} for inputs in given]
            contents = quantize(plain, kind, given)
            contents = add_metadata(
                contents, labels, model.audio.sample_rate, name=name, version=f"{__version__}.{version}",
                about=facts | {"kind": kind}, licence=model.licence, **texts,
            )  # fmt: skip
            key = _key(model, task, kind)
            files[key] = folder / f"{name}_{key}.tflite"
            files[key].write_bytes(contents)
    return files
