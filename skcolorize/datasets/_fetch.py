"""Fetching: the addresses of one shard, together, on an event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

from joblib import cpu_count
from yarl import URL

from ._address import Verdict
from ._body import EXTENSIONS, MAX_PIXELS, Checked, check_photo, size_of
from ._hosts import Budget, Clock, Resting, Standing, Trouble
from ._manifest import Journal, Record
from ._output import Output, photo_name
from ._web import Rules, Web

WORKERS_PER_REQUEST = 2  # of a host: while some wait for its answers, others check and store
MAX_FAILURES = 4  # of one address, requests to be left alone not counted
PIXELS_IN_FLIGHT = MAX_PIXELS  # decoded at once, over all shards; a photo beyond a shard's share goes alone


@dataclass
class Task:
    """An address to fetch: where from, its row of the manifest, and how often it failed."""

    url: URL
    record: Record
    failures: int = 0
    waits_for: str = ""  # the host that rests


@dataclass
class Fetched:
    """What a shard did: records settled, tasks put off because a host rests, what it learned of hosts."""

    records: list[Record] = field(default_factory=list)
    deferred: list[Task] = field(default_factory=list)
    standings: dict[str, Standing] = field(default_factory=dict)


class OutputError(OSError):
    """The output can't be written. What is there stays, and the same call resumes when it can."""

    @classmethod
    def of(cls, output: Output, error: Exception) -> OutputError:
        told = f"{output.root!r} can't be written: {error}. What is there stays; the same call resumes"
        return cls(getattr(error, "errno", None), told)


class Shard:
    """The fetching of some addresses. One use each.

    Parameters
    ----------
    rules : Rules
        This shard's share of the limits.
    output : Output
        Where photos go.
    clock : Clock
        Time.
    standings : dict of str to Standing
        What earlier shards learned of the hosts.
    """

    def __init__(self, rules: Rules, output: Output, clock: Clock, standings: dict[str, Standing]):
        self.rules, self.output, self.clock, self.standings = rules, output, clock, standings
        self.journal = Journal(output)
        self.done = Fetched()
        self.ended = threading.Event()
        self._ready = threading.Event()

    async def run(self, tasks: list[Task]) -> Fetched:
        """Fetch all tasks: hosts in the order of their first task, `max_concurrency` of them at a time."""
        main = asyncio.current_task()
        assert main is not None
        self._loop, self._main = asyncio.get_running_loop(), main
        self._ready.set()
        self._loop.set_default_executor(ThreadPoolExecutor(min(self.rules.max_concurrency, 64), "scraper"))
        self._checkers = ThreadPoolExecutor(max(1, cpu_count() // self.rules.n_shards), "scraper-check")
        self._pixels = Budget(PIXELS_IN_FLIGHT // self.rules.n_shards)
        by_host: dict[str, list[Task]] = defaultdict(list)
        for task in tasks:
            by_host[task.url.authority].append(task)
        try:
            async with Web(self.rules, self.clock, self.standings) as self._web, asyncio.TaskGroup() as group:
                syncing = group.create_task(self._keep_syncing())
                hosts = iter(by_host.values())
                n_hosts = min(len(by_host), self.rules.max_concurrency)
                await asyncio.gather(*(group.create_task(self._visit(hosts)) for _ in range(n_hosts)))
                syncing.cancel()
        except BaseExceptionGroup as errors:  # one error is enough
            raise _first(errors) from None
        finally:
            self._checkers.shutdown()
        self.done.standings = self._web.standings
        return self.done

    def stop(self) -> None:
        """Start no further request and end; may be called from any thread."""
        self._ready.wait()
        with suppress(RuntimeError):  # it has ended already
            self._loop.call_soon_threadsafe(self._main.cancel)

    async def _keep_syncing(self) -> None:
        parent = os.getppid()
        while True:
            await asyncio.sleep(0.5)
            await asyncio.to_thread(self._write, self.journal.sync)
            if os.getppid() != parent:  # the scraper that made this process was killed: its lock is gone
                self._main.cancel()

    async def _visit(self, hosts: Iterator[list[Task]]) -> None:
        """Take one host after the other, several workers on each."""
        for tasks in hosts:
            queue = iter(tasks)
            async with asyncio.TaskGroup() as workers:
                for _ in range(min(len(tasks), WORKERS_PER_REQUEST * self.rules.max_per_host)):
                    workers.create_task(self._work(queue))

    async def _work(self, queue: Iterator[Task]) -> None:
        for task in queue:
            try:
                while not await self._try(task):
                    await self.clock.sleep(random.uniform(0.5, 1.5) * min(2.0**task.failures, 30))
            except Resting as rest:
                task.waits_for, task.record.error = rest.host, rest.error or task.record.error
                self.done.deferred.append(task)
            else:
                self.done.records.append(task.record)

    async def _try(self, task: Task) -> bool:
        """One attempt; True when it settled the fate of the address, False when another one is worth it."""
        record = task.record
        try:
            async with AsyncExitStack() as room:
                body = await self._web.photo(task.url, record, room)
                width, height = size_of(body)
                await room.enter_async_context(self._pixels.take(width * height))
                photo = await self._loop.run_in_executor(
                    self._checkers, check_photo, body, self.rules.max_size
                )
                await asyncio.to_thread(self._write, self._keep, record, photo)
                return True
        except Verdict as verdict:
            record.status, record.error = verdict.status, verdict.error
        except Trouble as trouble:
            record.error, record.http_status = trouble.error, trouble.http_status
            task.failures += 1
            if task.failures < MAX_FAILURES:
                return False
            record.status = "failed"
        record.fetched_at = _now()
        await asyncio.to_thread(self._write, self.journal.add, record)
        return True

    def _keep(self, record: Record, photo: Checked) -> None:
        """Store a photo, then say so: in one thread, so that no stop comes between."""
        record.path = photo_name(record.id) + EXTENSIONS[photo.format]
        record.status = "gray" if photo.is_gray else "ok"
        record.error = ""
        record.bytes, record.sha256 = len(photo.content), hashlib.sha256(photo.content).hexdigest()
        record.format, record.width, record.height = photo.format, photo.width, photo.height
        record.mean_chroma = round(photo.mean_chroma, 2)
        self.output.write(record.path, photo.content)
        record.fetched_at = _now()
        self.journal.add(record)

    def _write(self, action: Callable, *arguments) -> None:
        try:
            action(*arguments)
        except Exception as error:  # fsspec's drivers raise errors of many kinds
            raise OutputError.of(self.output, error) from error


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


_running: set[Shard] = set()


def run_shard(
    tasks: list[Task], rules: Rules, output: Output, clock: Clock, standings: dict[str, Standing]
) -> Fetched:
    """Fetch tasks from a thread with an event loop of its own (a notebook's is busy) and wait for its end.

    Raises
    ------
    OutputError
        The output can't be written.
    """
    shard = Shard(rules, output, clock, standings)
    journal = shard.journal
    _running.add(shard)
    try:
        with ThreadPoolExecutor(1, "scraper-loop") as thread:
            future = thread.submit(asyncio.run, shard.run(tasks))
            try:
                while not wait([future], timeout=0.2).done:
                    pass  # the system may give a Ctrl-C to another thread: look up now and then
                return future.result()
            except BaseException:
                shard.stop()
                raise
    finally:
        try:
            shard._write(journal.sync, True)
        finally:
            journal.close()
            _running.discard(shard)
            shard.ended.set()


def stop_shards(output: Output) -> None:
    """Stop the shards that threads of this process run for an output, and wait until they have ended."""
    shards = [shard for shard in list(_running) if shard.output.root == output.root]
    for shard in shards:
        shard.stop()
    for shard in shards:
        shard.ended.wait()
