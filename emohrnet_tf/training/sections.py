"""The sections of a report's page: what was measured, how, and by what it was made, each as a list of HTML."""

import functools
import json

import pandas as pd

from emohrnet_tf import plots
from emohrnet_tf.data.leakage import APART
from emohrnet_tf.evaluation import report as tables
from emohrnet_tf.files import read_csv
from emohrnet_tf.licence import NOT_NAMED, licence_of
from emohrnet_tf.model.sphere import DIMENSIONS, Sphere
from emohrnet_tf.training import html
from emohrnet_tf.training.counts import counted

MOST_SPEAKERS = 60  # in the table; of more, half are the lowest and half the highest
PROTOCOLS = {
    "random": "Clips are dealt at random: the voices of the test were heard in training. The figures are of voices "
    "that the model knows, and say nothing of others.",
    "speaker": "Speakers are held apart: no voice of the test was heard in training or in choosing the epoch.",
    "loso": "Each speaker is left out in turn: no voice of the test was heard in training or in choosing the epoch.",
    "corpus": "Each corpus is left out in turn: neither voices nor recordings of its kind were heard in training.",
    "one_corpus": "One corpus trains, and the others test.",
    "given": "The parts were given by the column split of the index; what it holds apart is its maker's knowledge.",
    "all": "Every clip trained, and none was measured.",
}
CAUTION = (
    "These figures are of labels that people gave to how voices sound, on the corpora named here. They do not say what "
    "a person feels, nor how the model does on other people, languages, microphones and rooms."
)


def picture(scratch, name, draw, *arguments, caption):
    """What a function of `plots` draws, as SVG in the page."""
    file = scratch / f"{name}.svg"
    draw(*arguments, file)
    return html.picture(file, caption)


def _protocol(found):
    """What the protocol holds apart, in words."""
    scheme = f" Folds of RAVDESS: {found['scheme']}." if found.get("scheme") and found["corpus"] == "ravdess" else ""
    return html.paragraph(f"Protocol {found['protocol']}. {PROTOCOLS.get(found['protocol'], '')}{scheme}")


def run(found):
    """The first section of one run: its figures, and beside them what other ways to choose the epoch would give."""
    chosen, results = found["chosen"], found["results"]
    body = [_protocol(found)]
    if not results:
        return [*body, html.paragraph("No clip was held out: there are no figures.", "note")]
    if found.get("test_unheard", True) is None:
        words = (
            "It is not known what the model that this one started from has heard: clips of the test may be among it."
        )
        body.append(html.paragraph(words, "note"))
    body.append(html.figures(_lead(results[chosen])))
    epoch = f"{tables.CHOICES[chosen].capitalize()}: {found['epochs'][chosen]} of {found['epochs']['last']} epochs."
    clips = ", ".join(f"{count} {part}" for part, count in found["clips"].items())
    body += [html.paragraph(f"{epoch} Clips: {clips}."), html.paragraph(CAUTION, "note")]
    body += [html.heading("How the epoch was chosen"), html.parts(tables.comparison_parts(results, chosen))]
    body += [html.heading("Corpora"), html.parts(tables.corpora_parts(found["corpora"]))] if "corpora" in found else []
    if "across" in found:
        body += [html.heading("Corpora held out"), html.parts(tables.across_parts(found["across"]))]
    return body


def summary(found):
    """The first section of a cross-validation: means over its runs, and each run."""
    body, chosen = [_protocol(found)], found["scores"][found["chosen"]]
    if not found["complete"]:
        done = sorted({run["fold"] for run in found["runs"]})
        words = f"Not complete: folds {', '.join(map(str, done))} of {found['folds']}. The means are of these alone."
        body.append(html.paragraph(words, "note"))
    runs, lead = len(found["runs"]), []
    for key, name in tables.MEASURES.items():
        if key in chosen:
            mean, spread = (_shown(key, chosen[key][part]) for part in ("mean", "spread"))
            lead.append((name, mean, "mean of " + counted(runs, "run") + (f", spread {spread}" if runs > 1 else "")))
    body += [html.figures(lead), html.paragraph(CAUTION, "note"), html.heading("Runs")]
    return [*body, html.parts(tables.summary_parts({key: found[key] for key in found if key != "across"}))]


def _lead(result):
    """The figures of one run that stand first, with the interval over speakers where there is one."""
    rows = []
    for key, name in tables.MEASURES.items():
        if key in result:
            more = ""
            intervals = result["vad"]["interval"] if key == "ccc" else result.get("interval", {})
            for kind in ("by_speaker", "by_clip"):
                limits = intervals.get(kind, [None] * 2)
                limits = limits.get(key) if isinstance(limits, dict) else limits
                if limits and limits[0] is not None:
                    low, high = (_shown(key, limit).removesuffix(" %") for limit in limits)
                    more = f"95 %, {kind.replace('_', ' ')}: {low} to {high}"
                    break
            if key == "uar":
                more += f"; chance {100 / len([row for row in result['per_class'] if row['support']]):.1f}"
            rows.append((name, _shown(key, result[key]), more.removeprefix("; ")))
    return rows


def _shown(key, value):
    return "-" if value is None else f"{value:.3f}" if key == "ccc" else f"{100 * value:.1f} %"


def measured(found, folder):
    """`(report, predictions or None, name)` of every test that was measured as a whole."""
    if "results" in found:
        if found["results"]:
            result = found["results"][found["chosen"]]
            yield result, _predictions([folder / "predictions.csv"], result), "all clips of the test"
        return
    for result in found["pooled"]:
        seed = result["seed"]
        files = [folder / f"fold{run['fold']}_seed{seed}.csv" for run in found["runs"] if run["seed"] == seed]
        yield result, _predictions(files, result), f"clips of {counted(len(files), 'fold')} together, seed {seed}"


def _predictions(files, result):
    """Tables of predictions as one, or None where one of them is not there."""
    if not files or not all(file.is_file() for file in files):
        return None
    numbers = {*result.get("labels", []), *DIMENSIONS, *(f"true_{name}" for name in DIMENSIONS)}
    return pd.concat([read_csv(file, numbers) for file in files], ignore_index=True)


def answers(result, predictions, sphere, draw):
    """Pictures and tables of what was answered."""
    shown, labels = [], result.get("labels")
    if labels:
        shown.append(draw("confusion", plots.confusion_matrix, result, caption="Confusion: rows are the true labels."))
    if labels and predictions is not None:
        named = predictions[predictions.emotion.notna()]
        probabilities = named[labels].fillna(0.0).to_numpy()
        probabilities = probabilities / probabilities.sum(axis=1, keepdims=True)
        answers = named.emotion.map(labels.index).to_numpy(), probabilities
        caption = "Reliability: how often the model is right, against how sure it is."
        shown.append(draw("reliability", plots.reliability, *answers, caption=caption))
        caption = "Risk and coverage: the share of right answers, as the least sure are left unanswered."
        shown.append(draw("coverage", plots.risk_coverage, *answers, caption=caption))
    if len(result.get("per_speaker", [])) > 1:
        caption = "Speakers, from the lowest UAR to the highest."
        shown.append(draw("speakers", plots.speakers, result["per_speaker"], caption=caption))
    if "vad" in result and sphere and predictions is not None:
        true, given, sphere = list(DIMENSIONS), [f"true_{name}" for name in DIMENSIONS], Sphere(**sphere)
        rated = predictions.dropna(subset=given)
        both = [sphere.to_cube(rated[names].to_numpy("float64")) for names in (given, true)]
        caption = "Valence, arousal and dominance: labelled against predicted."
        shown.append(draw("dimensions", plots.dimensions, result["vad"], sphere, *both, caption=caption))
    body = [html.pictures(shown)]
    if predictions is None:
        words = "The predictions are not in the folder: reliability and coverage are not drawn."
        body.append(html.paragraph(words))
    rows = sorted(result.get("per_speaker", []), key=lambda row: row["uar"])
    if len(rows) > MOST_SPEAKERS:
        words = (
            f"Of {len(rows)} speakers, the {MOST_SPEAKERS // 2} of lowest and of highest UAR; all are in report.json."
        )
        body.append(html.paragraph(words))
        result = result | {"per_speaker": rows[: MOST_SPEAKERS // 2] + rows[-MOST_SPEAKERS // 2 :]}
    body.append(html.parts(tables.table_parts(result)))
    if result.get("coverage"):
        steps = [
            [f"{row['min_confidence']:.1f}", *(_shown("uar", row[name]) for name in ("coverage", "war", "uar"))]
            for row in result["coverage"]
        ]
        body.append(html.table(["least confidence", "answered", "right of these", "UAR of these"], steps))
    return body


def across(across, draw):
    """Corpora held out, by a cross-validation."""
    caption = "Who learns from whom."
    drawn = [draw("corpora", plots.corpora, across["matrix"], caption=caption)] if across["matrix"] else []
    found = tables.across_parts(across["cells"], across["mean"])
    return [html.heading("Corpora held out"), html.pictures(drawn), html.parts(found)]


def curves(found, folder, draw):
    """Learning curves, of every run whose log is there."""
    folders, drawn = [(folder, found.get("epochs", {}).get(found["chosen"]), "")], []
    if "pooled" in found:
        names = [f"fold{run['fold']}_seed{run['seed']}" for run in found["runs"]]
        folders = [(folder / name, _epoch(folder / f"{name}.json"), name) for name in names]
    for number, (place, epoch, name) in enumerate(folders):
        if (place / "log.csv").is_file():
            caption = f"{name.replace('_', ', ').replace('fold', 'Fold ').replace('seed', 'seed ')}".strip()
            log = pd.read_csv(place / "log.csv")
            drawing = functools.partial(plots.learning_curves, log, epoch if epoch in set(log["epoch"]) else None)
            drawn.append(draw(f"curves{number}", drawing, caption=caption or "Loss and score over the epochs."))
    return [html.heading("Learning curves"), html.pictures(drawn)] if drawn else []


def _epoch(file):
    """The chosen epoch of a run's report, None where it is not there."""
    try:
        found = json.loads(file.read_text("utf-8"))
        return found["epochs"][found["chosen"]]
    except (OSError, ValueError, KeyError):
        return None


def settings(found, folder):
    """Every setting, those that were measured on the training clips as the run resolved them."""
    try:
        config = json.loads((folder / "config.json").read_text("utf-8"))["resolved"]
    except (OSError, ValueError, KeyError):
        config = found["config"]
    rows = [
        (f"{group}.{name}", value if isinstance(value, str) else json.dumps(value))
        for group, settings in config.items()
        for name, value in settings.items()
    ]
    notes = [html.paragraph(f"Choices where the paper is silent: {'; '.join(found['choices'])}.")]
    head = html.paragraph(f"Preset {found['preset']}; {found['parameters']:,} parameters.")
    return [
        html.heading("Settings"),
        head,
        *(notes if found.get("choices") else []),
        html.table(["setting", "value"], rows, "words"),
    ]


def provenance(found):
    """By what the figures were made, and under what terms the weights are."""
    rows = [("index and split", found["index"]), ("commit", found["commit"] or "not in a checkout")]
    if "runs" in found:
        commits = sorted({str(run["commit"]) for run in found["runs"]})
        rows = [rows[0], ("commits of the runs", ", ".join(commits)), ("commit of the summary", rows[1][1])]
    rows += [(name, version) for name, version in found["versions"].items() if version]
    machine = found["machine"]
    rows.append(("machine", f"{machine['processor']}, {machine['cores']} cores, {machine['system']}"))
    if calibration := found.get("calibration"):
        rows.append(("temperature", f"{calibration['temperature']:.3f}, fitted on validation clips"))
    trained = [row["corpus"] for row in found.get("corpora", []) if row["clips"].get("train")]
    initial = found["config"]["training"].get("initial")
    if trained and not initial and found["protocol"] not in APART and NOT_NAMED not in trained:
        rows.append(("licence of the weights", licence_of(trained)))
    body = [html.heading("Provenance"), html.table(["what", "which"], rows, "words")]
    if found.get("failed"):
        rows = [(row["file"], row["reason"]) for row in found["failed"]]
        body += [html.heading("Files that could not be used", 3), html.table(["file", "reason"], rows, "words")]
    return body
