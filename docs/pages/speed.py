"""docs/speed.md and docs/export.md: time, memory, and whether every format tells the same."""

import json

from pages.figures import ROOT, machine, percent


def speed_page():
    training = json.loads((ROOT / "benchmarks/training.json").read_text())
    pipeline = json.loads((ROOT / "benchmarks/pipeline.json").read_text())
    settings = training["settings"]
    lines = [
        "# Speed and memory",
        "",
        "Written by `python docs/write_results.py` from `benchmarks/*.json`, which the scripts there make. Training "
        f"on {machine(training)}; TensorFlow {training['versions']['tensorflow']}, Keras "
        f"{training['versions']['keras']}; commit {training['commit']}. Ratios within a table come from one run.",
        "",
        f"## Training step ({settings['frames']} x {settings['mels']} log-mels, batches of {settings['batch_size']})",
        "",
        "| architecture | parameters | clips/s | ms a clip | GFLOP/s | share of matrix peak | first step, s |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for row in training["rows"]:
        lines.append(
            f"| {row['architecture']} | {row['parameters']:,} | {row['clips_per_second']:.0f} | "
            f"{row['milliseconds_per_clip']:.1f} | {row['gflop_per_second']:.0f} | {percent(row['share_of_peak'])} % | "
            f"{row['first_step_seconds']:.1f} |"
        )
    figures = pipeline["clips_per_second"]
    lines += [
        "",
        "The first step counts from the imported package: building, tracing, graph optimisation and the step itself.",
        "",
        *profile_lines(training["profiles"]),
        f"## Input pipeline ({pipeline['corpus']}, {pipeline['clips']} clips, 4.096 s windows)",
        "",
        f"{machine(pipeline)}; commit {pipeline['commit']}.",
        "",
        "| what | clips/s | to the training step of `small` |",
        "|---|---:|---:|",
        *(f"| {k} | {v:.0f} | {v / figures['training step, small']:.1f} |" for k, v in figures.items()),
        "",
        "| peak memory, read from files, nothing cached | MB |",
        "|---|---:|",
    ]
    for name, megabytes in pipeline["peak_megabytes"].items():
        lines.append(f"| {pipeline['clips'] * int(name.split()[-1]):,} clips | {megabytes:.0f} |")
    return "\n".join([*lines, *start_lines(), *folder_lines()]) + "\n"


def profile_lines(profiles):
    """Where a training step goes."""
    names, convolutions = [row["architecture"] for row in profiles], "convolution"
    seconds = [row["seconds"] for row in profiles]
    lines = [
        "Where a step on one thread goes, by TensorFlow's profiler, per cent of it (of the convolutions' own time in "
        "brackets: what share of the matrix peak it reaches):",
        "",
        f"| | {' | '.join(names)} |",
        f"|---|{'---:|' * len(names)}",
    ]
    for kind in seconds[0]:
        cells = []
        for row in profiles:
            share = percent(row["seconds"][kind] / sum(row["seconds"].values()))
            if kind.startswith(convolutions):
                speed = row["gflop"] / 3 / row["seconds"][kind] / row["matrix_peak_gflop_per_second"]
                share += f" ({percent(speed)})"
            cells.append(share)
        lines.append(f"| {kind} | {' | '.join(cells)} |")
    reached = []
    for row in profiles:
        whole = sum(row["seconds"].values())
        alone = sum(value for kind, value in row["seconds"].items() if kind.startswith(convolutions))
        peak = row["gflop"] / row["matrix_peak_gflop_per_second"]
        reached.append(f"`{row['architecture']}` {percent(peak / whole)} and {percent(peak / alone)}")
    lines += [
        "",
        f"So the whole step reaches, and convolutions that cost nothing else would reach, of the matrix peak: "
        f"{'; '.join(reached)} %. What is beside them reads and writes maps and computes little.",
        "",
    ]
    return lines


def start_lines():
    """The table of `benchmarks/start.py`."""
    file = ROOT / "benchmarks/start.json"
    if not file.exists():
        return []
    facts = json.loads(file.read_text())
    lines = [
        "",
        "## From the command to the answer",
        "",
        f"A clip of {facts['clip_seconds']} s, the pretrained model; medians of {facts['runs']} processes each, all "
        f"taking turns, and the highest peak. {machine(facts)}; commit {facts['commit']}. Recordings are scored from "
        'the float32 TFLite file beside the model, which needs no TensorFlow; "by TensorFlow" is `load_model` and '
        "the same function, which is what models with dimensions take, as their TFLite files do not hold all that is "
        "told of a clip.",
        "",
        "| what | seconds | first run, s | processor, s | peak memory, MB |",
        "|---|---:|---:|---:|---:|",
    ]
    for row in facts["rows"]:
        name, _, by = row["command"].partition(", ")
        lines.append(
            f"| `{name}`{by and ', ' + by} | {row['median_seconds']:.2f} | {row['first_seconds']:.2f} | "
            f"{row['processor_seconds']:.2f} | {row['peak_mb']:.0f} |"
        )
    return lines


def folder_lines():
    """The table of `benchmarks/folders.py`."""
    file = ROOT / "benchmarks/folders.json"
    if not file.exists():
        return []
    facts = json.loads(file.read_text())
    names = {"folder": "`emohrnet predict --out`", "litert": "LiteRT float32, one thread, file by file"}
    names |= {"ray_1": "`--engine ray --workers 1`", "ray_2": "`--engine ray --workers 2`"}
    rows = facts["rows"]
    lines = [
        "",
        f"## A folder of {facts['files']:,} clips (made-up voices, {facts['clip_seconds']:.1f} s)",
        "",
        f"`{facts['network']}`, windows of {facts['window_seconds']:g} s, decoding included; medians of "
        f"{facts['rounds']} rounds in which all take turns, LiteRT on {facts['litert_files']:,} of the files. "
        f"{machine(facts)}; commit {facts['commit']}. The ratio of the first two is {facts['ratio']:.2f}.",
        "",
        "| what | files/s | cores busy | processor, ms a file | peak memory, MB |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, row in rows.items():
        lines.append(
            f"| {names[name]} | {row['files_per_second']:.0f} | {row['cores_busy']:.2f} of "
            f"{facts['machine']['cores']} | {1000 * row['cores_busy'] / row['files_per_second']:.1f} | "
            f"{row['peak_megabytes']:.0f} |"
        )
    if "ray_2" in rows:
        one, ray = rows["folder"]["files_per_second"], rows["ray_2"]
        start, saved = ray["start_seconds"], 1 / one - 1 / (2 * ray["files_per_second"])
        pays = f"from {start / saved:,.0f} files on" if saved > 0 else "at no number of files"
        lines += [
            "",
            f"Ray takes {start:.0f} s to start, which files a second leave out, and its memory is that of all its "
            "processes. On one machine `emohrnet predict` uses all cores by itself. Were a second machine like this "
            f"one as fast, the two by Ray would be done before this one alone {pays}.",
        ]
    return lines


def export_page():
    export = json.loads((ROOT / "docs/exports/ravdess_small.json").read_text())
    device = json.loads((ROOT / "benchmarks/device.json").read_text())
    verification, yardsticks = export["verification"], device["yardsticks_ms"]
    light = {kind: f"{yardsticks[f'light_sernet {kind}']:.2f} ms" for kind in ("float32", "int8")}
    lines = [
        "# Exported files: do they tell the same, and how fast are they?",
        "",
        "Written by `python docs/write_results.py` from `docs/exports/*.json`, the report of `emohrnet export`, and "
        "`benchmarks/device.json`, which `python benchmarks/device.py` makes.",
        "",
        f"## A RAVDESS model (`small`, speaker fold 0) through every format, {verification['clips']} test clips",
        "",
        "The largest difference of any probability from Keras, over the clips and "
        f"{verification['probes']} made-up sounds. {export['calibration_windows']} windows of the training part "
        f"calibrated int8. Commit {export['commit']}.",
        "",
        "| format | largest difference | top label agrees | where sure (margin > 0.2) | accuracy |",
        "|---|---:|---:|---:|---:|",
    ]
    for form, figures in verification["formats"].items():
        accuracy = "" if figures["accuracy"] is None else f"{percent(figures['accuracy'])} %"
        sure = figures.get("agreement_where_sure")
        sure = "" if sure is None else f"{percent(sure)} %"
        difference, agreement = f"{figures['largest_difference']:.1e}", f"{percent(figures['agreement'])} %"
        lines.append(f"| {form} | {difference} | {agreement} | {sure} | {accuracy} |")
    lines += [
        "",
        "The pretrained `ravdess` is exported without its corpus: sounds made from the spectra of 64 training clips, "
        "which come along with it, calibrate int8 and verify every file.",
        "",
        "`emohrnet export MODEL --out DIR --onnx` (extra `onnx`) also writes `onnx/NAME.onnx`, held to the float limit "
        "of the others by ONNX Runtime: float32, standard operators of opset 17, raw audio in, windows in batches of "
        "any size; `probabilities`, `embedding`, and of a model that has them `dimensions` out. Labels, rate and "
        "licence are in its metadata `emohrnet`; `emohrnet_tf.inference.onnx.OnnxModel` runs it.",
        "",
        "## Where silence has a vote",
        "",
        "A recording longer than a window is answered by the mean over its windows. Where silence is known, by the "
        "rule of [timeline](timeline.md), silent windows are left out, and a recording of nothing else is `silence`:",
        "",
        "| | silent windows |",
        "|---|---|",
        "| `emohrnet predict`, `evaluate`, `timeline`; all signatures of the SavedModel; the page of `export/web` | "
        "have no vote |",
        "| the figures of `train` and `crossval` (validation and test), `robustness` | vote as all others, so that "
        "every clip is measured |",
        "| `model(waveform)`, `model.score(windows)`, a `.tflite` file and MediaPipe, `TFLiteModel` | are answered as "
        "all others: leave them out before (`emohrnet_tf.audio.silence.spoken_windows`) |",
        "",
        "## On one thread",
        "",
        f"Median milliseconds, all taking turns in one run; weights random. {machine(device)}; commit "
        f"{device['commit']}. The network's ratio is to a network of Light-SERNet's published shape (arXiv 2110.03435) "
        f"on 3 s in float32: {light['float32']}, in int8 {light['int8']}. A 512 x 512 x 512 matrix product takes "
        f"{yardsticks['matrix product 512']:.2f} ms. Memory: what a process grows by at its peak when it loads and "
        "runs the file.",
        "",
        "| network | million MACs | window, s | kind | KB | network | ratio | front end | file | partitions | MB |",
        "|---|---:|---:|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in device["rows"]:
        ratio = row["network_ms"] / yardsticks["light_sernet float32"]
        lines.append(
            f"| {row['architecture']} | {row['macs'] / 1e6:.0f} | {row['frames'] * 0.016:.1f} | {row['kind']} | "
            f"{row['bytes'] / 1000:.0f} | {row['network_ms']:.2f} | {ratio:.2f} | {row['front_end_ms']:.2f} | "
            f"{row['file_ms']:.2f} | {row['partitions']} | {row['peak_mb']:.0f} |"
        )
    return "\n".join([*lines, *narrower_lines(device)]) + "\n"


def narrower_lines(device):
    """What the speed of a Light-SERNet would cost."""
    light, tried = device["yardsticks_ms"]["light_sernet float32"], ROOT / "docs/results/known"
    whole = next(row for row in device["rows"] if (row["architecture"], row["kind"]) == ("small", "float32"))
    lines = [
        "",
        "`small` in float32 with fewer channels or blocks, 3.1 s, in the same run; and what it costs on known speakers "
        "where that was tried ([log](results/known.md): `joint_small`, `small_narrow`, `small_one_block`; one standard "
        "error is 2.5 points):",
        "",
        "| | million MACs | network | ratio | UAR, loss on EMOVO |",
        "|---|---:|---:|---:|---:|",
    ]
    recipes = {"`small`": "joint_small", "stem 32, bottleneck 24, last fuse 128": "small_narrow"}
    recipes["one block a branch"] = "small_one_block"
    for row in [{**whole, "name": "`small`"}, *device["narrower"]]:
        file = tried / f"emovo_{recipes.get(row['name'])}_seed0.json"
        judged = json.loads(file.read_text())["judged"] if file.exists() else None
        cost = f"{percent(judged['uar'])}, {judged['loss']:.2f}" if judged else ""
        lines.append(
            f"| {row['name']} | {row['macs'] / 1e6:.0f} | {row['network_ms']:.2f} | {row['network_ms'] / light:.2f} | "
            f"{cost} |"
        )
    return lines
