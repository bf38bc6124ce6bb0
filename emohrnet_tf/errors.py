"""The one error that means: the input is wrong, and here is the fix."""

import os


class InputError(ValueError):
    """Bad input from the user: a file, a folder, a label, a setting.

    The message names the file or value, what is wrong with it and how to fix it. The command line prints it
    without a traceback and exits with status 2; every other exception is a defect and keeps its traceback.
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
