"""How a recipe does on corpora that it never heard: recall, calibration, and what is right among what it answers.

    emohrnet crossval *.csv --protocol corpus --preset voices --out RUN --keep-models
    python benchmarks/unheard.py RUN *.csv --out docs/results/unheard/voices.json

Each corpus is answered by the model of RUN that did not hear it, as `emohrnet predict` answers: clip by clip, and with
the speaker's own unlabelled recordings. Its temperature and its threshold come from the other corpora, each answered by
the model that did not hear it; nothing of a corpus is looked at before it is judged. Then: how much of a voice's own
speech is enough, what a reference of a single emotion does, and how it is where microphones and rooms have altered what
is heard.
"""

import argparse
import json
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

import numpy as np
import pandas as pd
from voices_judge import FOUR, GROUPS, judge, uar
from voices_record import probes

from emohrnet_tf.audio.silence import spoken_windows
from emohrnet_tf.audio.windows import windows
from emohrnet_tf.config import Config
from emohrnet_tf.corpora import merge_labels, read_index
from emohrnet_tf.data.leakage import speakers_of
from emohrnet_tf.data.pipeline import Clips
from emohrnet_tf.evaluation.calibration import clip_probabilities
from emohrnet_tf.evaluation.robustness import CONDITIONS
from emohrnet_tf.files import write_json
from emohrnet_tf.model.saved import load_model
from emohrnet_tf.presets import preset_name
from emohrnet_tf.provenance import provenance

SECONDS = (2, 5, 10, 30, 60)
TRIED = ("clean", "offset 2 %", "hum 20 dB", "rumble 10 dB", "noise 20 dB", "room 0.3 s", "telephone", "MP3, small")


class Answers:
    """What a model says of a corpus: embeddings of the windows of every clip, from which everything else follows."""

    def __init__(self, model, clips, condition="clean"):
        self.model, self.clips, rate, samples = model, clips, model.audio.sample_rate, model.audio.samples
        cut, alter = [], CONDITIONS[condition]
        for row in range(len(clips.index)):
            waveform = np.asarray(alter(clips.waveform(row), rate, np.random.default_rng([0, row])), "float32")
            own = spoken_windows(waveform, samples, rate)
            cut.append(own if len(own) else windows(waveform, samples)[:1])
        self.owners = np.repeat(np.arange(len(cut)), [len(own) for own in cut])
        self.windows = np.concatenate(cut)
        answers = model.answer_windows(self.windows)
        self.embedding, self.plain = answers["embedding"], answers["probabilities"]
        count = np.bincount(self.owners)[:, None]
        self.by_clip = np.stack([np.bincount(self.owners, column) for column in self.embedding.T], axis=1) / count
        self.label = clips.index.emotion.map(GROUPS.index).to_numpy()
        self.speaker = pd.factorize(speakers_of(clips.index))[0]

    def with_reference(self, rows=None):
        """Logits of the windows relative to the mean embedding of each speaker's clips, or of those of `rows`."""
        known = self.by_clip if rows is None else np.where(rows[:, None], self.by_clip, np.nan)
        usual = pd.DataFrame(known).groupby(self.speaker).transform("mean").to_numpy()[self.owners]
        kernel, bias = self.model.network.get_layer("relative_logits").get_weights()
        logits = (self.embedding - usual) @ kernel + bias
        return np.where(np.isnan(logits), np.log(self.plain + 1e-9), logits)

    def eight(self, logits):
        """In the columns of `voices_judge`, which has calm beside neutral; labels that the model lacks never win."""
        found = np.full((len(logits), len(GROUPS) + 1), -30.0)
        for number, label in enumerate(self.model.labels):
            place = GROUPS.index(label)
            found[:, place + (place > 0)] = logits[:, number]
        return found

    def four(self, logits):
        """UAR among the four labels."""
        p = clip_probabilities(self.eight(logits), self.owners)[:, [0, 2, 3, 4]]
        kept = (self.label < FOUR) & np.isin(self.label, np.unique(self.label))
        names = np.unique(self.label[kept])
        return uar(np.searchsorted(names, self.label[kept]), p[kept][:, names].argmax(axis=1))

    def tables(self, random):
        """UAR by seconds of a voice's speech in the reference, and by the emotion of a reference of one."""
        seconds, order = self.clips.lengths / self.clips.sample_rate, random.permutation(len(self.label))
        upto = pd.Series(seconds[order]).groupby(self.speaker[order]).cumsum().to_numpy()
        upto = upto[np.argsort(order)] - seconds
        found = {str(most): self.four(self.with_reference(upto < most)) for most in SECONDS}
        return {
            "seconds": found | {"all": self.four(self.with_reference())},
            "emotion": {GROUPS[k]: self.four(self.with_reference(self.label == k)) for k in np.unique(self.label)},
        }


def conditions(clean):
    """UAR among the four labels as microphones and rooms would bring the clips: clip by clip and with own speech."""
    found = {}
    for condition in TRIED:
        own = clean if condition == "clean" else Answers(clean.model, clean.clips, condition)
        found[condition] = {
            "plain": own.four(np.log(own.plain + 1e-9)), "speaker": own.four(own.with_reference()),
        }  # fmt: skip
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("indexes", nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    index = merge_labels(pd.concat([read_index(file) for file in arguments.indexes], ignore_index=True), "calm=neutral")
    summary = json.loads((arguments.run / "report.json").read_text())
    seed, answers, tables, heard = summary["seeds"][0], {}, {}, {}
    for fold in sorted(arguments.run.glob(f"fold*_seed{seed}.json")):
        report = json.loads(fold.read_text())
        (out,) = {row["test"] for row in report["across"]}
        model = load_model(fold.with_suffix(""))
        clips = Clips(index[index.corpus == out].reset_index(drop=True), model.audio.sample_rate)
        own = Answers(model, clips)
        heard[out] = conditions(own)
        loud = [windows(wave, model.audio.samples)[:1] for wave in probes().values()]
        probe = np.log(model.answer_windows(np.concatenate(loud))["probabilities"] + 1e-9)
        answers[out] = {
            "label": own.label + (own.label > 0), "owners": own.owners, "plain": own.eight(np.log(own.plain + 1e-9)),
            "speaker": own.eight(own.with_reference()), "probe": own.eight(probe),
        }  # fmt: skip
        tables[out] = own.tables(np.random.default_rng(0))
        print(out, *(f"{100 * own.four(x):.1f}" for x in (np.log(own.plain + 1e-9), own.with_reference())), flush=True)
    result = judge(answers, {"merge": True})
    mean = {
        kind: {
            key: float(np.mean([table[kind][key] for table in tables.values() if key in table[kind]]))
            for key in {key: None for table in tables.values() for key in table[kind]}
        }
        for kind in ("seconds", "emotion")
    }
    facts = {name: summary[name] for name in ("config", "parameters", "commit", "index")}
    asked = Config.from_dict(summary["config"]).replace({"audio": {"statistics": None}})  # those were measured
    facts["preset"] = preset_name(asked)
    mean_heard = {
        name: {way: float(np.mean([own[name][way] for own in heard.values()])) for way in ("plain", "speaker")}
        for name in TRIED
    }
    result |= {"conditions": {"mean": mean_heard, "corpora": heard}}
    result |= {"reference": {"mean": mean, "corpora": tables}}
    write_json(arguments.out, {**facts, "seed": seed, **result, **provenance()})


if __name__ == "__main__":
    main()
