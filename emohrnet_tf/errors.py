"""What goes wrong without being a defect of the code: the input, or a training."""


class InputError(ValueError):
    """Bad input from the user: a file, a folder, a label, a setting.

    The message names the file or value, what is wrong with it and how to fix it. The command line prints it
    without a traceback and exits with status 2; every exception that is not of this file is a defect and keeps its
    traceback.
    """


class TrainingDiverged(ArithmeticError):
    """The loss has run away, or the network says NaN: nothing is wrong with the files, the settings do not train.

    The message names the epoch and the setting to lower. The command line prints it and exits with status 1.
    """
