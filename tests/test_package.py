import ast
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "emohrnet_tf"
# Rooms, lowest first: a module imports from its own room and from rooms below. Modules beside the rooms are the floor,
# and rooms of one row do not import from each other.
ROOMS = [
    {"cluster", "config", "errors", "files", "labels", "licence", "presets", "provenance", "registration", "settings"},
    {"audio"},
    {"corpora", "pretrained"},
    {"model"},
    {"data"},
    {"evaluation"},
    {"plots"},
    {"training", "inference"},
    {"exporter"},
    {"demo"},
    {"cli"},
    {"__main__"},
]
PRETRAINED = ("ravdess.npz", "ravdess.tflite", "ravdess.md", "LICENSE-ravdess", "ravdess_spectra.npz")
FLOOR = {room: floor for floor, rooms in enumerate(ROOMS) for room in rooms}
TENSORFLOW_FREE = (
    *("cluster", "config", "errors", "files", "labels", "presets", "provenance", "settings", "corpora", "pretrained"),
    *("inference/distributed", "inference/rows", "inference/sources"),
    *("inference/exported", "inference/predict", "inference/ready", "inference/score", "inference/timeline"),
    *("audio/files", "audio/identity", "audio/silence", "audio/stream", "audio/walk", "audio/windows"),
    *("data/splits", "data/leakage", "data/augment", "training/losses"),
    *("model/files", "model/mel", "model/layers", "model/branches", "model/hrnet", "model/heads", "model/sphere"),
    *("model/relative", "model/voice"),
    *("evaluation/metrics", "evaluation/dimensions", "evaluation/intervals", "evaluation/calibration"),
    *("evaluation/report", "evaluation/baselines"),
)


def modules():
    """`{dotted name below the package: file}` of every module; a room's own is that of its `__init__`."""
    found = {}
    for file in PACKAGE.rglob("*.py"):
        parts = file.relative_to(PACKAGE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    del found[""]  # the package itself, which opens every room, lazily
    return found


def imports(name, known):
    """Modules of the package that a module imports, anywhere in it."""
    found = set()
    room = name if known[name].name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(known[name].read_text())):
        if not isinstance(node, ast.ImportFrom):
            continue
        full = ".".join(filter(None, ["emohrnet_tf", room, node.module] if node.level else [node.module]))
        if full.split(".")[0] != "emohrnet_tf":
            continue
        base = full.removeprefix("emohrnet_tf").removeprefix(".")
        for alias in node.names:
            inner = f"{base}.{alias.name}".removeprefix(".")
            found.add(inner if inner in known else base)
    return found - {name, ""}


def test_imports_go_one_way_between_rooms():
    known = modules()
    for name in known:
        room = name.split(".")[0]
        assert room in FLOOR, f"{room}: give it a floor"
        for other in imports(name, known):
            there = other.split(".")[0]
            assert there == room or (room in ROOMS[0] and there in ROOMS[0]) or FLOOR[there] < FLOOR[room], (
                f"{name} imports {other}"
            )


def test_no_import_comes_back_to_where_it_began():
    known = modules()
    open_, done = [], set()

    def visit(name):
        assert name not in open_, " -> ".join([*open_[open_.index(name) :], name])
        if name not in done:
            open_.append(name)
            for other in sorted(imports(name, known)):
                visit(other)
            done.add(open_.pop())

    for name in sorted(known):
        visit(name)


def run_python(code):
    return subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)


def test_importing_the_package_imports_nothing_heavy_and_says_nothing():
    code = (
        "import sys, emohrnet_tf; heavy = {'tensorflow', 'keras', 'numpy', 'pandas', 'matplotlib', 'sklearn'};"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    result = run_python(code)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_every_name_of_the_front_door_opens():
    import emohrnet_tf

    assert all(getattr(emohrnet_tf, name) is not None for name in emohrnet_tf.__all__)
    assert dir(emohrnet_tf) == sorted(emohrnet_tf.__all__)
    with pytest.raises(AttributeError, match="no attribute 'absent'"):
        emohrnet_tf.absent  # noqa: B018


@pytest.mark.parametrize("module", TENSORFLOW_FREE)
def test_the_network_and_its_figures_do_not_import_tensorflow(module):
    for file in [PACKAGE / f"{module}.py"] if (PACKAGE / f"{module}.py").exists() else (PACKAGE / module).glob("*.py"):
        for node in ast.parse(file.read_text()).body:
            names = (
                [a.name for a in node.names] if isinstance(node, ast.Import) else [getattr(node, "module", "") or ""]
            )
            assert not any(name.split(".")[0] == "tensorflow" for name in names), file


def test_the_wheel_holds_the_package_alone(tmp_path):
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(tmp_path)]
    source = tmp_path / "source"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(source)], check=True)
    subprocess.run([*build, str(source)], check=True, capture_output=True)
    wheel = zipfile.ZipFile(next(tmp_path.glob("*.whl")))
    names = wheel.namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"emohrnet_tf"}
    assert "emohrnet_tf/corpora/grammars.py" in names
    assert any(name.endswith("entry_points.txt") for name in names)
    pretrained = {name: f"emohrnet_tf/pretrained/{name}" for name in PRETRAINED}
    assert set(pretrained.values()) <= set(names)
    assert {"emohrnet_tf/web/index.html", "emohrnet_tf/web/app.js", "emohrnet_tf/web/package.json"} <= set(names)
    assert not [name for name in names if "node_modules" in name]
    assert wheel.getinfo(pretrained["ravdess.npz"]).file_size <= 4e6
    assert wheel.getinfo(pretrained["ravdess.tflite"]).file_size <= 8e6
    assert b"CC BY-NC-SA 4.0" in wheel.read(pretrained["LICENSE-ravdess"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "module", "kept"),
    [
        ("tensorflow_cpu", "tensorflow", False),
        ("tf_nightly", "tensorflow", False),
        ("tensorflow_io", "tensorflow_io", True),
        ("tensorflow", "tensorflow", True),
    ],
)
def test_an_environment_that_has_a_tensorflow_of_another_name_is_left_alone(tmp_path, name, module, kept):
    site, source = tmp_path / "site", tmp_path / "source"
    info = site / f"{name}-2.20.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 2.20.0\n")
    (info / "RECORD").write_text(f"{module}/__init__.py,,\n")
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(source)], check=True)
    code = (
        "import sys, sysconfig; own, site = sysconfig.get_path, sys.argv[1];"
        "sysconfig.get_path = lambda name, *a, **k: site if name in ('purelib', 'platlib') else own(name, *a, **k);"
        "sys.argv = ['setup.py', 'egg_info'];"
        "exec(compile(open('setup.py').read(), 'setup.py', 'exec'), {'__file__': 'setup.py', '__name__': '__main__'})"
    )
    subprocess.run([sys.executable, "-c", code, str(site)], cwd=source, check=True, capture_output=True)
    required = (source / "emohrnet_tf.egg-info/requires.txt").read_text().splitlines()
    assert any(line.startswith("tensorflow<") or line.startswith("tensorflow>") for line in required) == kept
    assert any(line.startswith("keras") for line in required)


def test_no_file_names_a_machine_of_its_makers():
    listed = subprocess.run(["git", "-C", str(ROOT), "ls-files"], capture_output=True, text=True, check=True).stdout
    roots = ["/" + name + "/" for name in ("work", "root", "farm")]
    for name in listed.split():
        file = ROOT / name
        if file.suffix in (".py", ".md", ".txt", ".toml", ".yml", ".ipynb", ".json", "") and file.is_file():
            text = file.read_text(errors="replace")
            assert not [root for root in roots if root in text], name
