"""Keras finds the package's classes by their names, so that `keras.saving.load_model` reads what the package saved.

Keras knows a class once its module is imported, and `import emohrnet_tf` imports nothing heavy: what is registered
here are stand-ins, which import the class when a file asks for it.
"""

import importlib
import importlib.abc
import sys

HOMES = {
    "EmoHRNet": "model.emohrnet",
    "LogMelSpectrogram": "model.front_end",
    **dict.fromkeys(("BatchNorm", "ConvBN", "BasicBlock", "Bottleneck"), "model.layers"),
    **dict.fromkeys(("Transition", "Fuse", "FinalFuse"), "model.branches"),
    **dict.fromkeys(
        ("FoldFrequency", "StylePooling", "TaskWeights", "SumOverSpeakers", "MeanOverCorpora"), "model.heads"
    ),
    **dict.fromkeys(("Standardized", "FromOthers"), "model.relative"),
    "Augment": "data.augment",
}


def register():
    """Register the stand-ins: now, where Keras is imported already, else at the end of its import."""
    keras = sys.modules.get("keras")
    if hasattr(keras, "saving"):
        _register_in(keras)
    else:
        WhenImported.wait("keras", _register_in)


class WhenImported(importlib.abc.MetaPathFinder):
    """Waits for the import of a package, lets it happen as it would, and calls a function of it at its end."""

    def __init__(self, package, then):
        self.package, self.then = package, then

    @classmethod
    def wait(cls, package, then):
        """Wait for a package that is not imported yet, once."""
        if not any(isinstance(finder, cls) and finder.package == package for finder in sys.meta_path):
            sys.meta_path.insert(0, cls(package, then))

    def find_spec(self, name, path=None, target=None):
        if name != self.package:
            return None
        others = (finder.find_spec(name, path, target) for finder in list(sys.meta_path) if finder is not self)
        spec = next((spec for spec in others if spec is not None), None)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module):  # a spec may be asked for and never used, as TensorFlow does
                execute(module)
                self.then(module)
                if self in sys.meta_path:
                    sys.meta_path.remove(self)

            spec.loader.exec_module = exec_module
        return spec


def _register_in(keras):
    known = keras.saving.get_custom_objects()
    for name, home in HOMES.items():
        known.setdefault(f"emohrnet_tf>{name}", stand_in(name, home))


def stand_in(name, home):
    """A class whose `from_config` is that of the class `name` of `emohrnet_tf.{home}`."""

    def from_config(cls, config):
        return getattr(importlib.import_module(f"emohrnet_tf.{home}"), name).from_config(config)

    return type(
        name, (), {"__doc__": f"Stands for `emohrnet_tf.{home}.{name}`.", "from_config": classmethod(from_config)}
    )
