"""How long emohrnet_tf takes to start, in how much memory, and what by TensorFlow: `python benchmarks/start.py`.

Each command runs in a process of its own, all taking turns, several times: wall time, processor time and the largest
resident memory. The first run of each, which may read files that nothing has read yet, is kept apart. "by TensorFlow"
is the same model loaded by `load_model`, as the commands did before TFLite files lay beside models. Writes
benchmarks/start.json.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
import wave
from pathlib import Path

from emohrnet_tf.files import write_json
from emohrnet_tf.provenance import provenance

# This process imports nothing large: the peak that is told of a child is at least what its parent held.
CLI = ["-m", "emohrnet_tf.cli"]
BY_TENSORFLOW = (
    "from emohrnet_tf.cli.output import quiet; quiet();"
    "from emohrnet_tf import load_model, predict, timeline;"
    "print({call})"
)
PREDICT, TIMELINE = "emohrnet predict clip.wav", "emohrnet timeline clip.wav"
COMMANDS = {
    "import emohrnet_tf": ["-c", "import emohrnet_tf"],
    "emohrnet --help": [*CLI, "--help"],
    PREDICT: [*CLI, "predict", "clip.wav"],
    f"{PREDICT}, by TensorFlow": ["-c", BY_TENSORFLOW.format(call="predict(load_model('ravdess'), 'clip.wav')")],
    TIMELINE: [*CLI, "timeline", "clip.wav"],
    f"{TIMELINE}, by TensorFlow": ["-c", BY_TENSORFLOW.format(call="timeline(load_model('ravdess'), 'clip.wav')")],
}
SECONDS = 5  # of the clip


def once(arguments, folder):
    """`(wall seconds, processor seconds, MB)` of one process."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *arguments], cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(arguments)} ended with status {process.returncode}")
    megabytes = usage.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)  # bytes there, kilobytes elsewhere
    return seconds, usage.ru_utime + usage.ru_stime, megabytes


def write_clip(path):
    """Five seconds of noise, 16 kHz."""
    noise = random.Random(0)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", None))
        file.writeframes(b"".join(noise.randrange(65536).to_bytes(2, "little") for _ in range(SECONDS * 16000)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    options = parser.parse_args()
    found = {name: [] for name in COMMANDS}
    with tempfile.TemporaryDirectory() as folder:
        write_clip(Path(folder, "clip.wav"))
        for _ in range(options.runs):
            for name, arguments in COMMANDS.items():
                found[name].append(once(arguments, folder))
    rows = []
    for name, runs in found.items():
        wall, processor, megabytes = zip(*runs)
        rows.append({"command": name, "first_seconds": wall[0], "median_seconds": statistics.median(wall)})
        rows[-1] |= {"processor_seconds": statistics.median(processor), "peak_mb": max(megabytes)}
        print(json.dumps(rows[-1]))
    write_json(options.out, {"rows": rows, "runs": options.runs, "clip_seconds": SECONDS, **provenance()})


if __name__ == "__main__":
    main()
