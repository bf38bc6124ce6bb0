"""What a result was made by: versions, commit and machine, for the JSON files that figures are read from."""

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path


def provenance():
    """Versions, git commit (None outside a checkout; "+" behind it where files differ), processor and cores."""
    packages = ("tensorflow", "keras", "numpy", "emohrnet_tf")
    return {
        "commit": _commit(),
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in packages}},
        "machine": {"processor": _processor(), "cores": os.cpu_count(), "system": platform.system()},
    }


def _version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _commit():
    here = Path(__file__).resolve().parent
    try:
        git = ["git", "-C", str(here)]
        if subprocess.run([*git, "ls-files", "--error-unmatch", __file__], capture_output=True).returncode:
            return None
        commit = subprocess.run([*git, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True)
        changed = subprocess.run([*git, "status", "--porcelain", "-uno", "--", str(here)], capture_output=True)
    except OSError:
        return None
    return (commit.stdout.strip() + ("+" if changed.stdout else "")) or None


def _processor():
    """Model name and the instruction set that matters for speed, e.g. `Intel(R) Xeon(R) (amx_bf16)`."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    facts = dict(line.split(":", 1) for line in lines if ":" in line)
    facts = {key.strip(): value.strip() for key, value in facts.items()}
    flags = facts.get("flags", "").split()
    best = next((flag for flag in ("amx_bf16", "avx512_bf16", "avx512f", "avx2") if flag in flags), "")
    return facts.get("model name", platform.machine()) + (f" ({best})" if best else "")
