#!/usr/bin/env python3
"""Run an EmoHRNet .tflite file on this machine and measure it: needs ai-edge-litert and numpy, nothing else.

    python check_device.py emotion.tflite --threads 1 2 4 --wav clip.wav --golden golden.npz --json report.json

Prints latency, memory, the probabilities of a WAV, and how far this machine is from a golden file: an .npz, or JSON
with the same two fields, of `waveform` (n, samples) and `probabilities` (n, classes). Ends with status 1 where the
golden file is missed.
"""

import argparse
import functools
import json
import platform
import sys
import time
import wave
import zipfile
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help=".tflite file of `emohrnet export`")
    parser.add_argument("--threads", type=int, nargs="+", default=[1], help="thread counts to measure")
    parser.add_argument("--runs", type=int, default=100, help="timed runs per thread count")
    parser.add_argument("--wav", type=Path, help="speech to classify, at the model's sample rate")
    parser.add_argument("--golden", type=Path, help=".npz or .json with waveform and probabilities")
    parser.add_argument("--tolerance", type=float, default=0.02, help="largest difference from the golden file")
    parser.add_argument("--json", type=Path, help="write the report here as well")
    options = parser.parse_args()
    try:
        report = check(options)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        sys.exit(f"check_device: {error}")
    print(json.dumps(report, indent=2))
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n")
    golden = report.get("golden")
    if golden and not golden["agrees"]:
        sys.exit(f"check_device: {options.golden} is missed: {golden['largest_difference']:.4f} > {options.tolerance}")


def check(options):
    """Every measurement that the options ask for, as a JSON-ready dictionary."""
    with zipfile.ZipFile(options.model) as tail:
        labels, about = tail.read("labels.txt").decode().splitlines(), json.loads(tail.read("emohrnet.json"))
    before = memory_mb()
    run, samples = runner(options.model, 1)
    noise = np.random.default_rng(0).uniform(-0.1, 0.1, (1, samples)).astype(np.float32)
    run(waveform=noise)
    report = {
        "model": {"file": options.model.name, "mb": round(options.model.stat().st_size / 1e6, 3), **about},
        "machine": {"system": platform.system(), "processor": platform.machine(), "python": platform.python_version()},
        "window_seconds": samples / about["sample_rate"],
        "memory_mb": None if before is None else {"peak": memory_mb(), "of_the_model": round(memory_mb() - before, 1)},
        "latency_ms": [latency(options.model, threads, options.runs, noise) for threads in options.threads],
    }
    if options.wav:
        scores = score(run, windows(read_wav(options.wav, about["sample_rate"]), samples)).mean(axis=0)
        report["wav"] = {"file": options.wav.name, "probabilities": dict(zip(labels, map(float, scores.round(4))))}
    if options.golden:
        waveform, expected = read_golden(options.golden)
        scores = score(run, waveform)
        difference = float(np.abs(scores - expected).max())
        report["golden"] = {
            "windows": len(scores),
            "largest_difference": difference,
            "same_top_label": float(np.mean(scores.argmax(axis=1) == expected.argmax(axis=1))),
            "agrees": difference <= options.tolerance,
        }
    return report


def runner(model, threads):
    run = Interpreter(model_path=str(model), num_threads=threads).get_signature_runner("serving_default")
    taken = run.get_input_details()
    if "reference" in taken:  # of a voice of which nothing else is known
        run = functools.partial(run, reference=np.zeros(taken["reference"]["shape"], np.float32))
    return run, int(taken["waveform"]["shape"][1])


def score(run, waveform):
    """Windows (n, samples) -> probabilities (n, classes)."""
    return np.stack([run(waveform=window[None].astype(np.float32))["probabilities"][0] for window in waveform])


def latency(model, threads, runs, waveform):
    (run, _), times = runner(model, threads), []
    for number in range(runs + 5):
        start = time.perf_counter()
        run(waveform=waveform)
        if number >= 5:  # the first runs fill caches
            times.append(1e3 * (time.perf_counter() - start))
    return {"threads": threads, "median": round(float(np.median(times)), 3), "p95": round(np.quantile(times, 0.95), 3)}


def memory_mb():
    """Largest resident memory of this process so far; None where the system does not say."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage would count the process that started this one
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return round(int(lines["VmHWM"].split()[0]) * 1024 / 1e6, 1)
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, kilobytes elsewhere
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6, 1)


def read_wav(path, sample_rate):
    """WAV -> mono float32; any format that soundfile knows where it is installed, else 16-bit PCM."""
    try:
        import soundfile

        audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except ImportError:
        with wave.open(str(path)) as file:
            if file.getsampwidth() != 2:
                raise ValueError(f"{path}: only 16-bit WAV without the soundfile package") from None
            rate, channels = file.getframerate(), file.getnchannels()
            audio = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, channels) / 32768
    if rate != sample_rate:
        raise ValueError(
            f"{path}: {rate} Hz; resample it to {sample_rate} Hz first, e.g. sox in.wav -r {sample_rate} out.wav"
        )
    return audio.mean(axis=1).astype(np.float32)


def windows(waveform, samples):
    """Shorter: zeros at the end. Longer: windows at half-window hops, the last flush with the end."""
    last = max(0, len(waveform) - samples)
    starts = np.minimum(np.arange(-(-last // (samples // 2)) + 1) * (samples // 2), last)
    padded = np.pad(waveform, (0, max(0, samples - len(waveform))))
    return padded[starts[:, None] + np.arange(samples)]


def read_golden(path):
    golden = json.loads(path.read_text()) if path.suffix == ".json" else np.load(path)
    return (np.asarray(golden[name], np.float32) for name in ("waveform", "probabilities"))


if __name__ == "__main__":
    main()
