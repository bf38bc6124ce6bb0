"""What goes wrong without being a defect of the code: the input, or a training."""

import os


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


def check_process(pid):
    """Refuse to go on in a process forked from the one, `pid`, that made a model: it would wait for threads for ever.

    Raises:
        InputError: this is another process.
    """
    if os.getpid() != pid:
        raise InputError(
            "The model was made before this process was forked, and its threads stayed behind: load it after the fork, "
            f"once in each process, or start processes by 'spawn'. Received: a model of process {pid}"
        )
