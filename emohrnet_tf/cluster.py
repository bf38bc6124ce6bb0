"""Ray, by which work is dealt out to processes and machines: started here, joined, or there already."""

import contextlib
import os
import socket

from emohrnet_tf.errors import InputError

STORE_BYTES = 256 * 2**20  # of Ray's shared memory, where it is started here: models and rows are small
PORT = {"ray": 10001}
# Where it is started here. Nothing is told to anyone; and workers do the work, so they do not stand back (Ray's 15).
ENVIRONMENT = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"}


def package():
    """The package `ray`, or what to install for it."""
    try:
        import ray
    except ImportError as error:
        raise InputError("Ray is not installed: pip install 'emohrnet_tf[ray]'. Received: no module ray") from error
    return ray


@contextlib.contextmanager
def cluster(address=None, workers=None):
    """Ray, started here, joined, or there already, and left as it was found; yields how many workers there are.

    Raises:
        InputError: nothing answers at the address, or fewer CPUs than workers.
    """
    ray = package()
    if workers is not None and workers < 1:
        raise InputError(f"workers: 1 or more. Received: {workers!r}")
    ours, address = not ray.is_initialized(), address or os.environ.get("RAY_ADDRESS") or "local"
    if ours:
        quiet = {"logging_level": "ERROR", "log_to_driver": False}
        if address == "local":
            for name, value in ENVIRONMENT.items():
                os.environ.setdefault(name, value)
            ray.init(address="local", include_dashboard=False, object_store_memory=STORE_BYTES, **quiet)
        else:
            _check_answers(address)
            try:
                ray.init(address=address, **quiet)
            except (OSError, ValueError, RuntimeError) as error:
                raise _unreachable(address, error) from error
    try:
        cpus = int(ray.cluster_resources().get("CPU", 0))
        if cpus < (workers or 1):
            raise InputError(
                f"{workers or 1} workers need {workers or 1} CPUs: ask for fewer, or add machines. Received: {cpus}"
            )
        yield workers or cpus
    except ConnectionError as error:
        raise _unreachable(address, error) from error
    finally:
        if ours:
            ray.shutdown()


def _check_answers(address):
    """Ray waits for minutes for an address where nothing is, and may end the process then."""
    kind, _, place = address.rpartition("://")
    host, _, port = place.partition("/")[0].rpartition(":")
    if address == "auto" or kind not in ("", "ray"):
        return
    try:
        with socket.create_connection((host or place, int(port) if host else PORT[kind]), timeout=10):
            pass
    except (OSError, ValueError, KeyError) as error:
        raise _unreachable(address, error) from error


def _unreachable(address, error):
    return InputError(
        f"No cluster of Ray answers at {address}: give ray://HEAD:10001, HEAD:6379 or auto, check that `ray start` "
        "runs there, of the same version, and set RAY_AUTH_MODE=token here if it asks for tokens. "
        f"Received: {address} ({error})"
    )


def first_done(ray, tasks):
    """Those of some tasks that are done, at least one.

    Raises:
        InputError: the cluster has lost all its machines: nothing would ever be done.
    """
    while True:
        done, _ = ray.wait(tasks, timeout=60)
        if done:
            return done
        if not ray.cluster_resources().get("CPU"):
            raise InputError("The cluster has no CPU left: run again when it has, it goes on. Received: 0 CPUs")
