"""How long emohrnet_tf takes to start, and in how much memory: `python benchmarks/start.py`.

Each command runs in a process of its own, several times; figures are of wall time and of the largest resident memory.
The first run of each, with files that nothing has read yet, is kept apart. Writes benchmarks/start.json.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

from emohrnet_tf.files import write_json
from emohrnet_tf.provenance import provenance

COMMANDS = {
    "emohrnet --help": ["-m", "emohrnet_tf.cli", "--help"],
    "import emohrnet_tf": ["-c", "import emohrnet_tf"],
    "emohrnet predict clip.wav": ["-m", "emohrnet_tf.cli", "predict", "clip.wav"],
}


def once(arguments, folder):
    """`(seconds, MB)` of one process."""
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
    return seconds, usage.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)  # bytes there, kilobytes elsewhere


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        soundfile.write(Path(folder, "clip.wav"), 0.1 * np.random.default_rng(0).standard_normal(48000), 16000)
        for name, arguments in COMMANDS.items():
            found = [once(arguments, folder) for _ in range(options.runs)]
            seconds, megabytes = zip(*found)
            rows.append(
                {
                    "command": name,
                    "first_seconds": seconds[0],
                    "median_seconds": statistics.median(seconds),
                    "best_seconds": min(seconds),
                    "peak_mb": max(megabytes),
                }
            )
            print(json.dumps(rows[-1]))
    write_json(options.out, {"rows": rows, "runs": options.runs, **provenance()})


if __name__ == "__main__":
    main()
