"""Adam as the settings have it: its weight decay, and its rate over the epochs."""

import math

import keras


class CoupledAdam(keras.optimizers.Adam):
    """Adam whose weight decay is added to the gradients, as torch's: `gradient + decay * variable`."""

    def __init__(self, learning_rate=1e-3, decay=1e-4, **kwargs):
        super().__init__(learning_rate, **kwargs)
        self.decay = decay

    def update_step(self, gradient, variable, learning_rate):
        super().update_step(gradient + self.decay * keras.ops.cast(variable, gradient.dtype), variable, learning_rate)

    def get_config(self):
        return {**super().get_config(), "decay": self.decay}


def make_optimizer(settings, variables=()):
    """Adam 0.9/0.999 of a `config.Training`, with coupled or decoupled weight decay.

    Decoupled decay leaves batch normalisation and biases alone, and of `variables` the layer for known voices: by a
    strong one strangers are heard better, and differences from a known voice worse (docs/results/voices.md).
    """
    if settings.coupled_weight_decay:
        return CoupledAdam(settings.learning_rate, settings.coupled_weight_decay)
    optimizer = keras.optimizers.AdamW(settings.learning_rate, weight_decay=settings.weight_decay)
    known = [variable for variable in variables if "relative_logits" in variable.path]
    optimizer.exclude_from_weight_decay(var_list=known, var_names=["gamma", "beta", "bias"])
    return optimizer


def learning_rate(settings, epoch):
    """The rate of an epoch, counted from 0: a linear rise over the warm-up, then constant or half a cosine to zero."""
    if epoch < settings.warmup_epochs:
        return settings.learning_rate * (epoch + 1) / (settings.warmup_epochs + 1)
    if settings.schedule == "constant":
        return settings.learning_rate
    done = (epoch - settings.warmup_epochs) / (settings.epochs - settings.warmup_epochs)
    return settings.learning_rate * 0.5 * (1.0 + math.cos(math.pi * done))
