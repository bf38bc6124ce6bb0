import ast
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "emohrnet_tf"
# Lowest first; a module imports from lower rows only (docs: one direction, no cycles).
LEVELS = [
    {"errors", "quiet", "files"},
    {
        "config",
        "audio",
        "layers",
        "report",
        "provenance",
        "augment",
        "features",
        "evaluate",
        "decode",
        "leakage",
        "pretrained",
        "sphere",
        "heads",
        "losses",
    },
    {"hrnet", "splits", "corpora", "baselines", "prepare", "data", "calibration", "targets"},
    {"emohrnet", "checkpoints", "plots"},
    {"fitting"},
    {"train", "predict"},
    {"crossval", "measure", "timeline"},
    {"robustness"},
    {"export"},
    {"demo"},
    {"cli"},
]
LEVEL = {module: level for level, modules in enumerate(LEVELS) for module in modules}
TENSORFLOW_FREE = (
    "errors",
    "config",
    "layers",
    "hrnet",
    "augment",
    "sphere",
    "heads",
    "losses",
    "evaluate",
    "report",
    "splits",
    "corpora",
    "audio",
)


def imports(file):
    """Modules of the package that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            found.add(home(file))  # a sibling in the same folder
        elif isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "emohrnet_tf":
            parts = node.module.split(".")[1:]
            found |= {parts[0]} if parts else {name.name for name in node.names}
    return found


def home(file):
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def test_imports_go_one_way():
    for file in PACKAGE.rglob("*.py"):
        own = home(file)
        if own == "__init__":
            continue
        assert own in LEVEL, f"{own}: give it a level"
        for other in imports(file) - {own, "__version__"}:
            same_level_allowed = own in LEVELS[1] and other in LEVELS[1]
            assert LEVEL[other] < LEVEL[own] or same_level_allowed, f"{own} imports {other}"


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
    assert "emohrnet_tf/corpora/ravdess.py" in names
    assert any(name.endswith("entry_points.txt") for name in names)
    comes_along = {name: f"emohrnet_tf/pretrained/{name}" for name in ("ravdess.npz", "ravdess.md", "LICENSE-ravdess")}
    assert set(comes_along.values()) <= set(names)
    assert wheel.getinfo(comes_along["ravdess.npz"]).file_size <= 4e6
    assert b"CC BY-NC-SA 4.0" in wheel.read(comes_along["LICENSE-ravdess"])


def test_no_file_names_a_machine_of_its_makers():
    listed = subprocess.run(["git", "-C", str(ROOT), "ls-files"], capture_output=True, text=True, check=True).stdout
    roots = ["/" + name + "/" for name in ("work", "root", "farm")]
    for name in listed.split():
        file = ROOT / name
        if file.suffix in (".py", ".md", ".txt", ".toml", ".yml", ".ipynb", ".json", "") and file.is_file():
            text = file.read_text(errors="replace")
            assert not [root for root in roots if root in text], name
