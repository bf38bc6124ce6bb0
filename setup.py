import sysconfig
from importlib.metadata import distributions
from pathlib import Path

from setuptools import find_packages, setup

here = Path(__file__).parent
version = next(
    line.split('"')[1]
    for line in (here / "emohrnet_tf/__init__.py").read_text().splitlines()
    if "__version__ =" in line
)


def other_tensorflow(folders):
    """Name of an installed distribution that gives the module `tensorflow` under another name, or None.

    There are several (tensorflow-cpu, tf-nightly, vendors' own), and two of them in one environment break each other.
    A build in isolation has its own path, so the environment's folders are looked at, which `sysconfig` knows.
    """
    for found in distributions(path=folders):
        name = (found.metadata["Name"] or "").lower().replace("_", "-")
        if name != "tensorflow" and ("tensorflow" in name or name.startswith("tf-")):
            files = [str(file).replace("\\", "/") for file in found.files or []]
            if "tensorflow/__init__.py" in files:
                return name
    return None


lines = (line.split("#")[0].strip() for line in (here / "requirements.txt").read_text().splitlines())

required = [line for line in lines if line]
if other_tensorflow([sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]):
    required = [line for line in required if not line.startswith("tensorflow>")]

# https address of the repository; `python docs/write_address.py` writes it into notebooks and README.
REPOSITORY = ""
EXPORT = ["litert-quantizer>=0.11", "flatbuffers>=24"]
PROSODY = ["praat-parselmouth>=0.4.5"]  # pitch as Praat measures it; its licence is the GPL

setup(
    name="emohrnet_tf",
    version=version,
    description="Speech emotion recognition: EmoHRNet in Keras, from raw audio to SavedModel and TFLite",
    long_description=(here / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    project_urls={"Source": REPOSITORY} if REPOSITORY else {},
    packages=[*find_packages(include=["emohrnet_tf", "emohrnet_tf.*"]), "emohrnet_tf.web"],
    package_dir={"emohrnet_tf.web": "export/web"},  # the page of `emohrnet serve`, which is also there to be copied
    package_data={
        "emohrnet_tf.pretrained": ["*.npz", "*.tflite", "*.md", "LICENSE-*"],
        "emohrnet_tf.web": ["*.html", "*.js", "*.css", "*.svg", "package.json"],
    },
    python_requires=">=3.11",
    install_requires=required,
    extras_require={
        "export": EXPORT,
        "test": [
            *EXPORT,
            *PROSODY,
            *(
                "pytest>=8",
                "pytest-xdist>=3.5",
                "hypothesis>=6.100",
                "librosa>=0.10",
                "ruff>=0.6",
                "setuptools",
                "wheel",
            ),
            # Runs the TFLite files as an app would; wheels for Linux and macOS.
            'mediapipe>=1.2; platform_system != "Windows"',
            *("nbclient>=0.10", "nbformat>=5.9", "ipykernel>=6.29"),  # runs the notebooks
            "playwright>=1.40",  # drives an installed Chromium for the page of export/web
        ],
        "serving": ["tensorflow-serving-api>=2.17"],
        "tensorboard": ["tensorboard>=2.17"],
        "jax": ["jax>=0.4.30"],
        "listen": ["sounddevice>=0.4.6"],
        "parquet": ["pyarrow>=16"],
        "ray": ["ray[client]>=2.60", "pyarrow>=17"],
        "audformat": ["audformat>=1.1"],
        "onnx": ["tf2onnx>=1.17", "onnx>=1.17", "onnxruntime>=1.20"],
        "prosody": PROSODY,
    },
    entry_points={"console_scripts": ["emohrnet = emohrnet_tf.cli:main"]},
    classifiers=[
        "License :: OSI Approved :: Apache Software License",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Multimedia :: Sound/Audio :: Speech",
    ],
)
