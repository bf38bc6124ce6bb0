import importlib.metadata
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

REPOSITORY = ""  # https address that emohrnet_tf is installed from where this notebook does not lie in a clone
EXTRA = ""
NEEDED = []

if not all(importlib.util.find_spec(name) for name in NEEDED):
    folders = [Path.cwd(), *Path.cwd().parents]
    clone = next((folder for folder in folders if (folder / "emohrnet_tf" / "__init__.py").exists()), None)
    with tempfile.TemporaryDirectory() as scratch:
        if clone:
            source = f"{clone}{EXTRA}"
        elif REPOSITORY:
            source = f"emohrnet_tf{EXTRA} @ git+{REPOSITORY}"
        elif "google.colab" in sys.modules:
            from google.colab import files

            print("Choose the wheel of emohrnet_tf, or a zip of the project.")
            uploaded = files.upload()
            if len(uploaded) != 1:
                raise SystemExit("Run this cell again and choose one file: emohrnet_tf-*.whl, or a zip of the project.")
            ((name, contents),) = uploaded.items()
            file = Path(scratch, re.sub(r" \(\d+\)", "", name))  # Colab numbers what is uploaded twice
            file.write_bytes(contents)
            source = f"{file}{EXTRA}"
        else:
            raise SystemExit("Open this notebook in a clone, or fill in REPOSITORY above.")
        there = {d.name.lower(): d.version for d in importlib.metadata.distributions()}
        kept = Path(scratch, "kept.txt")  # TensorFlow, Keras and NumPy stay as they are
        kept.write_text("".join(f"{n}=={there[n]}\n" for n in ("tensorflow", "keras", "numpy") if n in there))
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "-c", str(kept), source], check=True)
    importlib.invalidate_caches()

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's chatter
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # faster convolutions, which it leaves off on some processors
from emohrnet_tf.audio.quiet import silence

with silence():
    import tensorflow as tf

    tf.config.list_logical_devices()

import emohrnet_tf

print("emohrnet_tf", emohrnet_tf.__version__, "with TensorFlow", tf.__version__)
