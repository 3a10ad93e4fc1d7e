"""Where blocks are worked on: this process, processes, threads, or a local dask or ray cluster.

The numbers do not depend on it: every block draws from its own generator, and sums are added in
the order of the blocks.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, TypeVar

from peerstats.errors import PlaceError, UsageError, did_you_mean

BACKENDS = ("loky", "threading", "dask", "ray", "sequential")
EXTRAS = {"dask": "distributed", "ray": "ray"}  # backend: the module it needs
CHUNK = 8  # blocks a job is handed at a time where results come back together

In = TypeVar("In")
Out = TypeVar("Out")


def check_backend(backend: str, jobs: int) -> None:
    """Raise UsageError for a backend or number of jobs that does not exist."""
    if backend not in BACKENDS:
        hint = did_you_mean(backend, BACKENDS) or f" Known: {', '.join(BACKENDS)}."
        raise UsageError(f"--backend: unknown backend '{backend}'.{hint}")
    if jobs < 1:
        raise UsageError(f"--jobs is {jobs} but must be 1 or more.")


def each(
    work: Callable[[In], Out], tasks: Sequence[In], backend: str, jobs: int
) -> Iterator[tuple[int, Out]]:
    """Yield the position and the result of every task, in any order.

    Raises PlaceError when the backend's package is not installed.
    """
    if backend == "sequential" or (jobs == 1 and backend in ("loky", "threading")):
        yield from ((at, work(task)) for at, task in enumerate(tasks))
        return
    from joblib import Parallel, delayed

    with _cluster(backend, jobs), warnings.catch_warnings():
        # Whoever takes no more results has a reason: the time is up.
        warnings.filterwarnings("ignore", message=".*tasks which were still being processed")
        whole = backend in ("loky", "threading")
        options: dict[str, Any] = {"return_as": "generator_unordered"} if whole else {}
        # max_nbytes: otherwise matrices go to other processes through files that others may read.
        with Parallel(n_jobs=jobs, max_nbytes=None, **options) as pool:
            size = len(tasks) if whole else jobs * CHUNK
            for first in range(0, len(tasks), max(size, 1)):
                part = range(first, min(first + size, len(tasks)))
                yield from pool(delayed(_numbered)(work, at, tasks[at]) for at in part)


def _numbered(work: Callable[[In], Out], at: int, task: In) -> tuple[int, Out]:
    return at, work(task)


@contextmanager
def _cluster(backend: str, jobs: int) -> Iterator[None]:
    """Let joblib use the backend; a dask or ray cluster lives on this machine and only for this."""
    from joblib import parallel_config

    with ExitStack() as stack:
        try:
            if backend == "dask":
                stack.enter_context(_dask(jobs))
            elif backend == "ray":
                stack.enter_context(_ray(jobs))
        except ImportError:
            raise PlaceError(
                f"--backend {backend} needs the package '{EXTRAS[backend]}': "
                f"pip install 'peerstats[{backend}]', or leave --backend out."
            ) from None
        stack.enter_context(parallel_config(backend=backend))
        yield


def _dask(jobs: int) -> AbstractContextManager[Any]:
    from distributed import Client

    client: AbstractContextManager[Any] = Client(
        n_workers=jobs, threads_per_worker=1, dashboard_address=None, silence_logs=50
    )
    return client


@contextmanager
def _ray(jobs: int) -> Iterator[None]:
    import ray
    from ray.util.joblib import register_ray

    ray.init(num_cpus=jobs, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    register_ray()
    try:
        yield
    finally:
        ray.shutdown()
