"""From addresses to photos: what is there already, what to fetch, in which shards, and when."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from joblib import Parallel, delayed, effective_n_jobs

from ._address import Verdict, disclosed, parse_address, without_secrets
from ._fetch import Fetched, OutputError, Task, run_shard, stop_shards
from ._hosts import Clock, Standing
from ._manifest import KEPT, REFUSED, Record, finish, has_journals, load_records, original_of
from ._output import CORNER, Output
from ._progress import Progress
from ._web import Rules

LONGEST_WAIT = 600.0  # seconds that a run waits for one host in all
LEAST_OF_A_SHARD = 16  # addresses: fewer are not worth another process


class Campaign:
    """One call of the scraper.

    Parameters
    ----------
    output : Output
        Where photos go.
    rules : Rules
        What the user allows.
    clock : Clock
        Time.
    retry_failed : bool
        Whether to ask again for what was refused.
    """

    def __init__(self, output: Output, rules: Rules, clock: Clock, retry_failed: bool):
        self.output, self.rules, self.clock, self.retry_failed = output, rules, clock, retry_failed
        self.known = load_records(output)
        self.records: list[Record] = []
        self.tasks: list[Task] = []

    def plan(self, urls: Sequence[str], ids: Sequence[str] | None, notes: Mapping[str, Sequence]) -> None:
        """Give each address its record, as known or new, and list those to fetch."""
        sizes = self.output.sizes()
        first: dict[str, Record] = {}
        taken: set[str] = set()
        for i, text in enumerate(urls):
            told: dict[str, Any] = {name: str(notes[name][i] or "") for name in notes}
            try:
                url = parse_address(text, allowed_hosts=self.rules.allowed_hosts)
            except Verdict as verdict:
                name = _free(ids[i] if ids is not None else _hash(text), taken)
                record = Record(name, disclosed(text), status=verdict.status, error=verdict.error, **told)
                self.records.append(record)
                continue
            key = str(url)
            name = _free(ids[i] if ids is not None else _hash(key), taken)
            record = Record(name, without_secrets(url), **told)
            known = self.known.get(name)
            if known is not None and self._settled(known, record.url, sizes):
                record = known
            elif key in first:
                record.status, record.duplicate_of = "duplicate_url", first[key].id
            else:
                self.tasks.append(Task(url, record))
            first.setdefault(key, record)
            self.records.append(record)

    def _settled(self, known: Record, url: str, sizes: dict[str, int]) -> bool:
        if known.purged:
            return True
        if known.url != url:
            return False
        if known.status in REFUSED:
            return bool(known.attempts) and not self.retry_failed
        original = original_of(known, self.known)
        return original.status in KEPT and sizes.get(original.path) == original.bytes

    @property
    def complete(self) -> bool:
        """Whether nothing is to be done: no task, no new row, nothing that a killed run left behind."""
        known = all(record.id in self.known for record in self.records)
        return known and not self.tasks and not has_journals(self.output)

    def run(self, n_jobs: int | None, verbose: bool) -> bool:
        """Fetch what is to be fetched and write the tables; False when Ctrl-C has ended it early.

        The caller holds the output's lock.
        """
        finished = True
        try:
            if self.tasks:
                self._prove_writable()
                with Progress(len(self.tasks), self.output.corner, verbose):
                    self._fetch(n_jobs)
        except BaseException as error:
            stop_shards(self.output)
            if not isinstance(error, KeyboardInterrupt):
                raise
            finished = False
            self._take_stock()
        finish(self.output, self.all_records())
        return finished

    def all_records(self) -> dict[str, Record]:
        """Those of earlier calls and those of this one."""
        return {**self.known, **{record.id: record for record in self.records}}

    def _prove_writable(self) -> None:
        """Find out before the first download that an output can't be written."""
        try:
            self.output.write(f"{CORNER}/writable", b"")
        except Exception as error:  # fsspec's drivers raise errors of many kinds
            raise OutputError.of(self.output, error) from error

    def _take_stock(self) -> None:
        """After a stop, learn from the journals what the shards had done."""
        found = load_records(self.output)
        for task in self.tasks:
            new = found.get(task.record.id)
            if new is not None and new != self.known.get(new.id):
                vars(task.record).update(vars(new))
            else:
                task.record.status = "cancelled"

    def _fetch(self, n_jobs: int | None) -> None:
        """Deal the tasks to shards; deal those again whose host rested, when it has rested."""
        mine = {task.record.id: task.record for task in self.tasks}
        pending = list(self.tasks)
        standings: dict[str, Standing] = {}
        rested_at: dict[str, float] = {}
        waited: dict[str, float] = defaultdict(float)
        while pending:
            now = self.clock.now()
            ready = [task for task in pending if rested_at.get(task.waits_for, now) <= now]
            if not ready:
                hosts = {task.waits_for for task in pending}
                pause = min(rested_at[host] for host in hosts) - now
                for host in hosts:
                    waited[host] += pause
                self.clock.wait(pause)
                continue
            pending = [task for task in pending if rested_at.get(task.waits_for, now) > now]
            for host, standing in standings.items():
                standing.seconds = max(0.0, rested_at[host] - now)
            shards = self._deal(ready, n_jobs, standings)
            now = self.clock.now()
            standings = _merged([shard.standings for shard in shards], standings)
            rested_at = {host: now + standing.seconds for host, standing in standings.items()}
            for record in (record for shard in shards for record in shard.records):
                vars(mine[record.id]).update(vars(record))  # from another process it comes as a copy
            for task in (task for shard in shards for task in shard.deferred):
                vars(mine[task.record.id]).update(vars(task.record))
                task.record = mine[task.record.id]
                pending.append(task)
            pending = [
                task
                for task in pending
                if waited[task.waits_for] + standings[task.waits_for].seconds <= LONGEST_WAIT
            ]

    def _deal(self, tasks: list[Task], n_jobs: int | None, standings: dict[str, Standing]) -> list[Fetched]:
        enough = -(-len(tasks) // LEAST_OF_A_SHARD)
        n = min(effective_n_jobs(n_jobs), self.rules.max_per_host, self.rules.max_concurrency, enough)
        if n == 1:
            return [run_shard(tasks, self.rules, self.output, self.clock, standings)]
        return Parallel(n_jobs=n, batch_size=1)(
            delayed(run_shard)(tasks[i::n], self.rules.share(i, n), self.output, self.clock, standings)
            for i in range(n)
        )


def _merged(of_shards: list[dict[str, Standing]], before: dict[str, Standing]) -> dict[str, Standing]:
    """What all shards know of the hosts: the longest rest that one of them tells of."""
    merged: dict[str, Standing] = {}
    for standings in of_shards:
        for host, standing in standings.items():
            merged[host] = max(standing, merged.get(host, standing), key=lambda s: (s.seconds, s.last))
    return {**before, **merged}


def _hash(url: str) -> str:
    return hashlib.sha256(url.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _free(name: str, taken: set[str]) -> str:
    """The name, or the first of name-2, name-3, ... that is not taken; takes it."""
    free, n = name, 1
    while free in taken:
        n += 1
        free = f"{name}-{n}"
    taken.add(free)
    return free
