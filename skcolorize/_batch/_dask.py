"""What joblib's Dask backend leaves out: to say that a task is lost with the workers that it killed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class _Lost:
    """In place of a result: the task has ended with an error of the cluster."""

    def __init__(self, error: BaseException):
        self.error = error


@contextmanager
def losses_told(backend: Any) -> Iterator[None]:
    """Let the Dask backend of joblib raise the error of a lost task, which joblib 1.6 waits for in vain.

    Dask gives a task up (KilledWorker) when several workers have died of it. joblib notes that, but calls
    nobody, and whoever reads the results waits for ever. Other backends are left as they are.
    """
    if type(backend).__name__ != "DaskDistributedBackend":
        yield
        return
    submit, retrieve = backend.submit, backend.retrieve_result_callback

    def told(function, callback=None):
        called: list[bool] = []

        def once(result):
            if callback is not None and not called:
                called.append(True)
                callback(result)

        future = submit(function, once)
        future.add_done_callback(lambda done: done.exception() and once(_Lost(done.exception())))
        return future

    def retrieved(result):
        if isinstance(result, _Lost):
            raise result.error
        return retrieve(result)

    backend.submit, backend.retrieve_result_callback = told, retrieved
    try:
        yield
    finally:
        del backend.submit, backend.retrieve_result_callback
