"""Silence for libraries that write to the process's stderr past every logger of Python."""

import contextlib
import os
import warnings


@contextlib.contextmanager
def silence():
    """No Python warning and nothing on the process's stderr while the block runs."""
    with warnings.catch_warnings(), open(os.devnull, "wb") as nowhere:
        warnings.simplefilter("ignore")
        stderr = os.dup(2)
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
