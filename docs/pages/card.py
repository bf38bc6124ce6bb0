"""The card of the pretrained model."""

from pages.figures import NAMES, percent
from pages.results import covered, summaries
from pages.robustness import other_reports, robustness_lines

from emohrnet_tf.pretrained import read_weights, weights_file


def card_page():
    """The card of the pretrained model."""
    facts, _ = read_weights(weights_file("ravdess"))
    config, audio = facts["config"], facts["model"]["audio"]
    training = config["training"]
    seconds = audio["frames"] * audio["hop"] / audio["sample_rate"]
    lines = [
        "# ravdess: the pretrained model",
        "",
        "Written by `python docs/write_results.py`. Speech in, probabilities of "
        f"{', '.join(facts['model']['labels'])} out; `{facts['model']['network']['architecture']}`, windows of "
        f"{seconds:g} s, {weights_file('ravdess').stat().st_size / 1e6:.1f} MB of float16 weights.",
        "",
        "**Licence: CC BY-NC-SA 4.0, non-commercial** (`LICENSE-ravdess`), because RAVDESS is. The code's licence does "
        "not cover these weights.",
        "",
        f"- **Data**: all {facts['clips']['train']} speech clips of RAVDESS: 24 actors, North American English, two "
        "sentences, acted.",
        f"- **Training**: {training['epochs']} epochs of the preset `tuned`, seed {facts['seed']}, commit "
        f"{facts['commit']}; the last epoch, none chosen. `python docs/make_pretrained.py path/to/RAVDESS` makes it.",
        f"- **Calibration**: temperature {facts['model']['temperature']:.2f}, the mean over folds of unseen speakers.",
        "- **Not for** decisions about people. It hears how a voice is acted, not what a person feels; real emotions "
        "are weaker and mixed, and other languages, ages, microphones and rooms sound otherwise.",
        "",
        "## What to expect",
        "",
        "The model itself has heard every clip of RAVDESS, so its own accuracy there means nothing. The same recipe, "
        "measured on clips that were held out:",
        "",
        "| corpus | protocol | UAR | WAR |",
        "|---|---|---:|---:|",
    ]
    for summary in summaries().values():
        same = all(summary["config"][group] == config[group] for group in ("audio", "augmentation", "network"))
        if summary["corpus"] == "ravdess" and same:
            result = summary["scores"][summary["chosen"]]
            lines.append(
                f"| RAVDESS | `{summary['protocol']}`, {covered(summary)} | {percent(result['uar']['mean'])} | "
                f"{percent(result['war']['mean'])} |"
            )
    for report in other_reports("across"):
        if report["model"] == "ravdess":
            corpora = ", ".join(NAMES[name].split(",")[0] for name in report["corpora"])
            figures = f"{percent(report['uar'])} | {percent(report['war'])}"
            lines.append(f"| {corpora}, this model | {len(report['labels'])} shared emotions | {figures} |")
    lines += robustness_lines()
    return "\n".join(lines) + "\n"
