"""The runs of `crossval` on several processes or machines at once, by Ray: one task for each fold and seed.

A model of this size needs no second machine; folds and seeds do.
"""

import os
import time
from pathlib import Path

from emohrnet_tf.cluster import cluster, first_done, package
from emohrnet_tf.errors import InputError, TrainingDiverged

TRIES = 4  # of a run whose worker dies; it goes on from its last epoch
PASSED_ON = ("TF_ENABLE_ONEDNN_OPTS", "TF_CPP_MIN_LOG_LEVEL")  # as the command sets them


def by_ray(index, config, address=None, workers=None, say=print, **split_options):
    """What `crossval` takes as `ahead`: each run is what `run.train` makes of it, in a process of its own.

    Args:
        index, config, **split_options: of `crossval`.
        address: of `cluster.cluster`.
        workers: runs at once, which share the CPUs; None for one for each GPU, or where there is none for each two
            CPUs.
        say: called with a line when a run ends.

    Returns:
        function of (out, protocol, runs). It raises InputError and TrainingDiverged of `run.train`, and InputError for
        an `out` that not all machines see, or of `cluster.cluster`.

    Example:
        crossval(index, config, "runs/folds", seeds=[0, 1, 2], ahead=by_ray(index, config, "ray://head:10001"))
    """
    ray = package()

    def ahead(out, protocol, runs):
        if not runs:
            return
        with cluster(address, workers) as cpus:  # where workers are given, as many
            there = ray.cluster_resources()
            gpus = int(there.get("GPU", 0))
            at_once = workers or gpus or max(1, cpus // 2)
            largest = max(int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"])
            needs = {"num_cpus": max(1, min(int(there["CPU"]) // at_once, largest)), "num_gpus": min(1, gpus)}
            # A process for each run: TensorFlow gives nothing back.
            task = ray.remote(**needs, max_retries=TRIES - 1, max_calls=1)(train_run)
            environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
            data, began, left, flying = ray.put((index, config, split_options)), time.perf_counter(), list(runs), {}
            while left or flying:
                while left and len(flying) < at_once:
                    fold, seed = left.pop(0)
                    folder = Path(os.path.abspath(out), f"fold{fold}_seed{seed}")
                    flying[task.remote(data, folder, protocol, fold, seed, environment)] = folder
                done = first_done(ray, list(flying))[0]
                folder = flying.pop(done)
                _result(ray, done, folder)
                count = len(runs) - len(left) - len(flying)
                minutes = (time.perf_counter() - began) / 60 / count * (len(runs) - count)
                say(f"{folder.name} is trained ({count} of {len(runs)} runs, about {minutes:.0f} min left)")

    return ahead


def _result(ray, task, folder):
    """Wait for a run; what is wrong with it is said as in one process."""
    try:
        ray.get(task)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, InputError | TrainingDiverged):
            raise error.cause from None
        raise
    except ray.exceptions.RayError as error:
        raise InputError(
            f"{folder}: the process that trains it dies, each time: give it more memory, or look at Ray's logs; run "
            f"again, it goes on. Received: {str(error).splitlines()[0]}"
        ) from error
    if not (folder / "report.json").exists():
        raise InputError(
            f"{folder} was made on another machine and is not here: give a folder as --out that all machines see. "
            f"Received: {folder.parent}"
        )


def train_run(data, folder, protocol, fold, seed, environment):
    """What a worker does."""
    os.environ.update(environment)
    from emohrnet_tf.training.run import train  # TensorFlow, which reads the environment

    index, config, split_options = data
    train(index, config, folder, protocol, fold, seed, verbose=0, **split_options)
