"""Shards of a job spread over joblib's workers; those whose worker dies are done again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor
from typing import Any

from joblib import Parallel, delayed, effective_n_jobs, parallel_config
from joblib.parallel import get_active_backend

from ._dask import losses_told
from ._plan import Task
from ._work import Row, failure

MAX_SHARD = 16  # photos: progress comes shard by shard
#: Part of what is left that a worker's next shard takes: the last ones are small, and workers end together.
SHARE = 1 / 4
_DEATHS = {"KilledWorker", "WorkerCrashedError"}  # of Dask and Ray, by name: neither need be installed


def inner_threads() -> int:
    """PyTorch threads for each worker process: one, unless a ``parallel_config`` asks for more."""
    backend, _ = get_active_backend()
    return getattr(backend, "inner_max_num_threads", None) or 1


def stays_here(n_workers: int) -> bool:
    """Whether joblib leaves all work to this process, as its own backends do for one worker."""
    backend, _ = get_active_backend()
    return n_workers == 1 == backend.effective_n_jobs(1)


def spread(
    work: Callable[[list[Task], Any], list[Row]],
    tasks: list[Task],
    data: Any,
    n_jobs: int | None,
) -> Iterator[list[Row]]:
    """Yield the rows of all tasks, shard by shard, in any order.

    Parameters
    ----------
    work : callable
        What a worker calls with a shard and the data; it raises nothing that a single photo is to blame for.
    tasks : list of Task
        Dealt in shards of at most 16, towards the end in ever smaller ones.
    data : object
        Handed on; joblib sends an array to each worker once.
    n_jobs : int or None
        Workers, in joblib's terms.

    Yields
    ------
    rows : list of Row
    """
    n_workers = effective_n_jobs(n_jobs)
    waiting = dict(enumerate(_shards(tasks, n_workers)))

    def run(shards: dict[int, list[Task]], n_jobs: int | None) -> Iterator[tuple[int, list[Row]]]:
        calls = [delayed(_numbered)(i, work, shard, data) for i, shard in shards.items()]
        backend, _ = get_active_backend()
        as_they_end = getattr(backend, "supports_return_generator", False)  # not so multiprocessing's
        given = "generator_unordered" if as_they_end else "list"
        with losses_told(backend):
            yield from Parallel(n_jobs=n_jobs, return_as=given, batch_size=1)(calls)

    def run_alone(task: Task) -> list[Row]:
        """A task that has a process of this machine for itself: if it dies, it is this photo's doing.

        On a cluster that has lost its workers joblib would do it in the process that runs the job.
        """
        try:
            with parallel_config("loky"):
                ((_, rows),) = run({0: [task]}, 2)
            return rows
        except Exception as error:
            if not _is_death(error):
                raise
            return [failure(task, "its worker process died, perhaps for want of memory")]

    while waiting:
        try:
            for i, rows in run(waiting, n_jobs):
                del waiting[i]
                yield rows
        except Exception as error:
            if not _is_death(error):
                raise
            # By whose doing is not known, but joblib hands shards out in order: one of the next ones.
            for i in list(waiting)[: 3 * n_workers]:
                for task in waiting.pop(i):
                    yield run_alone(task)


def _shards(tasks: list[Task], n_workers: int) -> Iterator[list[Task]]:
    start = 0
    while start < len(tasks):
        part = int((len(tasks) - start) * SHARE / n_workers)
        size = 1 if n_workers == 1 else min(MAX_SHARD, max(1, part))
        yield tasks[start : start + size]
        start += size


def _numbered(i: int, work, shard: list[Task], data: Any) -> tuple[int, list[Row]]:
    return i, work(shard, data)


def _is_death(error: Exception) -> bool:
    return isinstance(error, BrokenExecutor) or type(error).__name__ in _DEATHS
