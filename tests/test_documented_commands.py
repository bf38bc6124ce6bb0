"""Every command in a fenced `sh` block of README.md and docs runs as it is written, and then the page's Python.

A page's blocks run one after another in a scratch folder. `SUBSTITUTES` stand for what a reader has, training is one
epoch of the smallest network (or of the one it starts from), and a block under an HTML comment `<!-- not run: why -->`
is left out.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from emohrnet_tf.demo.voices import make_corpus

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"(?:<!-- not run: (?P<reason>[^\n]+) -->\n)?```sh\n(?P<commands>.*?)```", re.DOTALL)
PYTHON = re.compile(r"(?:<!-- not run: (?P<reason>[^\n]+) -->\n)?```python\n(?P<code>.*?)```", re.DOTALL)
SUBSTITUTES = {
    "path/to/RAVDESS": "corpus",
    'er.preset("tuned")': 'er.Config.from_dict({"network": {"architecture": "tiny"}, "training": {"epochs": 1}})',
}
PAGES = [page for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))) if BLOCK.search(page.read_text())]


def script(page):
    """The commands of a page, as they are run."""
    commands = "\n".join(block["commands"] for block in BLOCK.finditer(page.read_text()) if not block["reason"])
    code = "\n".join(block["code"] for block in PYTHON.finditer(page.read_text()) if not block["reason"])
    commands += f"\npython - <<'END'\n{code}\nEND\n" if code else ""
    for written, stands_for in SUBSTITUTES.items():
        commands = commands.replace(written, stands_for)
    return re.sub(r"^emohrnet (?:train|crossval)\b[^#\n]*", shortened, commands, flags=re.MULTILINE)


def shortened(match):
    """A training of one epoch, of the smallest network where it may be any."""
    return match[0] + " --epochs 1" + ("" if "--from" in match[0] else " --architecture tiny") + " "


@pytest.fixture
def scratch(tmp_path):
    """What a reader has: a corpus, recordings, and a table with labels of its own."""
    made = make_corpus(tmp_path / "corpus", speakers=5, clips_per_emotion=1)
    waveforms = [soundfile.read(tmp_path / "corpus" / file)[0] for file in made.file[:4]]
    soundfile.write(tmp_path / "clip.wav", waveforms[0], 16000)
    soundfile.write(tmp_path / "interview.mp3", np.concatenate(waveforms), 16000, format="MP3")
    call = np.zeros((48000, 2))
    for side, waveform in enumerate(waveforms[:2]):
        call[: len(waveform), side] = waveform[:48000]
    soundfile.write(tmp_path / "call.wav", call, 16000)
    (tmp_path / "interview.rttm").write_text("SPEAKER interview 1 0.0 2.0 <NA> <NA> A <NA> <NA>\n")
    (tmp_path / "turns.csv").write_text("file,start,end,speaker\ncall.wav,0,1,A\ncall.wav,1,2,B\n")
    (tmp_path / "speakers.csv").write_text("file,speaker\nrecordings/a.flac,anna\n")
    soundfile.write(tmp_path / "ordinary_voice.wav", np.concatenate(waveforms), 16000)
    (tmp_path / "recordings").mkdir()
    soundfile.write(tmp_path / "recordings" / "a.flac", waveforms[1], 16000)
    labels = made.emotion.map({"anger": "angry", "happiness": "delighted", "neutral": "neutral"})
    table = pd.DataFrame({"file": "corpus/" + made.file, "emotion": labels, "speaker": made.speaker})
    table.dropna().to_csv(tmp_path / "my.csv", index=False)
    rated = made[["speaker", "emotion"]].assign(file="corpus/" + made.file)
    rated = rated.assign(**{name: 3 + 2 * made[name] for name in ("valence", "arousal", "dominance")})
    rated.to_csv(tmp_path / "rated.csv", index=False)
    return tmp_path


def test_what_is_left_out_and_what_is_short():
    assert "--epochs 1" in script(ROOT / "README.md")
    assert "path/to" not in "".join(map(script, PAGES))
    assert {page.name for page in PAGES} >= {
        "README.md",
        "predict.md",
        "timeline.md",
        "turns.md",
        "prosody.md",
        "train.md",
        "own_labels.md",
        "dimensions.md",
    }


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_commands_of_a_page_run(page, scratch):
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    command = ["bash", "-euo", "pipefail", "-c", script(page)]
    result = subprocess.run(command, cwd=scratch, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-4000:]
    pictures = set(re.findall(r"\S+\.png", script(page)))
    assert all((scratch / picture).read_bytes().startswith(b"\x89PNG") for picture in pictures)
