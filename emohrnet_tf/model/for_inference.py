"""What Keras' users type first and an EmoHRNet is not for: each says what to call instead."""

from emohrnet_tf.errors import InputError

TRAIN = (
    "An EmoHRNet is for inference, in which batch normalisation stands still: train with `emohrnet_tf.train`, or "
    "compile and fit `model.network` on log-mels, `model.front_end(windows)`."
)
MEASURE = "An EmoHRNet is measured on the clips of an index, with what it has heard left out: `emohrnet_tf.evaluate`."
EXPORT = (
    "Export with `emohrnet_tf.export(path, out)`, which verifies what it writes, or write the SavedModel alone with "
    "`emohrnet_tf.exporter.saved_model.write_saved_model(model, folder)`."
)
QUANTIZE = "Files in int8 and float16 are written, and held against the model, by `emohrnet_tf.export(path, out)`."


class ForInference:
    """Stands before `keras.Model`, whose methods these are."""

    def fit(self, *args, **kwargs):
        raise InputError(f"{TRAIN} Received: fit")

    def train_on_batch(self, *args, **kwargs):
        raise InputError(f"{TRAIN} Received: train_on_batch")

    def evaluate(self, *args, **kwargs):
        raise InputError(f"{MEASURE} Received: evaluate")

    def test_on_batch(self, *args, **kwargs):
        raise InputError(f"{MEASURE} Received: test_on_batch")

    def export(self, *args, **kwargs):
        raise InputError(f"{EXPORT} Received: export")

    def quantize(self, *args, **kwargs):
        raise InputError(f"{QUANTIZE} Received: quantize")
