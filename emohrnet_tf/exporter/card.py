"""The model card that goes with an export: what the model is, what it was measured on, what the files hold."""

import dataclasses

from emohrnet_tf.evaluation.report import comparison


def model_card(model, report, run=None):
    """Markdown.

    Args:
        model: `EmoHRNet`.
        report: of `export.export`.
        run: report of the training run, where there is one.
    """
    audio = model.audio
    parts = [
        f"# {report['model']}, version {report['version']}",
        "Emotion of speech from raw audio: EmoHRNet (Muppidi & Radfar, ICASSP 2024), made by emohrnet_tf "
        f"{report['versions']['emohrnet_tf']}.",
        "## Input and output",
        f"- `waveform`: float32 in -1..1, {audio.sample_rate} Hz, mono; {audio.samples} samples "
        f"({audio.samples / audio.sample_rate:g} s) in TFLite and ONNX, any length in the SavedModel: shorter ones "
        "are padded with zeros at the end and longer ones averaged over half-overlapping windows." + _outputs(model),
        "## Training and figures",
        _training(run),
        "## Limits",
        "It has learnt from the speakers, language and way of acting of its corpus alone: expect less elsewhere, far "
        "less in noise. A guess about how a voice sounds is no knowledge of what a person feels: do not decide about "
        "people by it.",
        "## Licence of the weights",
        f"{model.licence}. The licence of the code does not cover them.",
        "## Files",
        _files(report),
        "## Verification",
        _verification(report),
        f"Network: {dataclasses.asdict(model.settings)}. Versions: {report['versions']}.",
    ]
    return "\n\n".join(parts) + "\n"


def _outputs(model):
    text = f"\n- `probabilities`: of {', '.join(model.labels)}, in this order." if model.labels else ""
    if model.sphere is not None:
        low, high = model.sphere.low, model.sphere.high
        text += f"\n- `valence`, `arousal`, `dominance`: from {low:g} to {high:g}; in TFLite in a file of their own."
    return text


def _training(run):
    if run is None:
        return "No report of its training was at hand."
    counts = ", ".join(f"{count} {part}" for part, count in run["clips"].items())
    where = (
        f"Corpus {run['corpus']}; protocol `{run['protocol']}`, fold {run['fold']}, seed {run['seed']}; {counts} clips."
    )
    return where + "\n\n" + comparison(run["results"], run["chosen"])


def _files(report):
    rows = [
        "| file | bytes |",
        "|---|---:|",
        f"| saved_model/{report['version']} | {report['saved_model']['bytes']:,} |",
    ]
    rows += [f"| tflite/{entry['file']} | {entry['bytes']:,} |" for entry in report["tflite"].values()]
    if report["onnx"]:
        rows.append(f"| onnx/{report['onnx']['file']} | {report['onnx']['bytes']:,} |")
    return "\n".join(rows)


def format_cells(figures):
    """Figures of a format as text: largest difference, agreement of the top label, accuracy or mean CCC."""
    share = lambda value: "" if value is None else f"{100 * value:.1f} %"  # noqa: E731
    score = share(figures["accuracy"]) if figures.get("ccc") is None else f"CCC {figures['ccc']:.3f}"
    return f"{figures['largest_difference']:.1e}", share(figures["agreement"]), score


def _verification(report):
    """The table of formats, and the gates that were missed and allowed."""
    verification = report["verification"]
    rows = ["| format | largest difference | top label agrees | accuracy or CCC |", "|---|---:|---:|---:|"]
    for form, figures in verification["formats"].items():
        difference, agreement, score = format_cells(figures)
        rows.append(f"| {form} | {difference} | {agreement} | {score} |")
    clips = "sounds made from spectra of training clips" if report["sounds_of_spectra"] else "clips"
    text = (
        f"The same {verification['clips']} {clips} and {verification['probes']} made-up sounds through every format, "
        "against Keras:\n\n" + "\n".join(rows)
    )
    unjudged = [gate["note"] for gate in verification["gates"] if gate["passed"] is None]
    if unjudged:
        text += f"\n\nAccuracy and agreement of int8 were {unjudged[0]}."
    for failure in report["missed_gates_allowed"]:
        text += f"\n\nMissed and allowed: {failure}."
    return text
