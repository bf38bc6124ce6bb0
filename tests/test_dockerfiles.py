"""The Dockerfiles by what can be known without a daemon: known instructions, and sources that are there."""

import fnmatch
import json
import re
import shlex
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FILES = {"Dockerfile": ROOT / "Dockerfile", "serving": ROOT / "export" / "serving" / "Dockerfile"}
INSTRUCTIONS = {"ARG", "FROM", "RUN", "COPY", "ENV", "WORKDIR", "USER", "ENTRYPOINT", "CMD"}


def instructions(file):
    """`[(instruction, rest)]`, continued lines joined."""
    text = re.sub(r"^#.*\n", "", file.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [line.split(maxsplit=1) for line in text.splitlines() if line.strip()]


@pytest.mark.parametrize("file", FILES.values(), ids=FILES)
def test_instructions_are_known_and_their_lists_are_json(file):
    found = instructions(file)
    names = [name for name, _ in found]
    assert set(names) <= INSTRUCTIONS
    assert names.index("FROM") == (1 if names[0] == "ARG" else 0)
    for name, rest in found:
        if name in ("ENTRYPOINT", "CMD"):
            assert all(isinstance(word, str) for word in json.loads(rest))
        if name == "ENV":
            assert all("=" in word for word in shlex.split(rest))


def test_the_command_line_s_image_gets_what_its_installation_needs():
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    kept = [line[1:] for line in lines if line.startswith("!")]
    assert lines[0] == "*", "all is left out but what follows"
    for pattern in kept:
        assert list(ROOT.glob(pattern)), pattern
    run = next(rest for name, rest in instructions(FILES["Dockerfile"]) if name == "RUN")
    for path in re.findall(r"/src/(\S+)", run):
        assert (ROOT / path).is_file()
    read = [
        "setup.py",
        "requirements.txt",
        "README.md",
        "pyproject.toml",
        "export/web/index.html",
        "export/web/package.json",
    ]
    assert all(any(fnmatch.fnmatch(path, pattern) for pattern in kept) for path in read)
    assert 'export": EXPORT' in (ROOT / "setup.py").read_text(), "the extra that it names"


def test_the_server_s_image_gets_what_an_export_has():
    written = (ROOT / "emohrnet_tf" / "exporter" / "folder.py").read_text()
    sources = [rest.split()[0] for name, rest in instructions(FILES["serving"]) if name == "COPY"]
    assert sources == ["saved_model", "model_card.md"]
    assert all(f'"{source}"' in written for source in sources)
    compose = (ROOT / "export" / "serving" / "compose.yaml").read_text()
    tag = next(rest for name, rest in instructions(FILES["serving"]) if name == "ARG").removeprefix(
        "TF_SERVING_VERSION="
    )
    assert f"TF_SERVING_VERSION:-{tag}" in compose
