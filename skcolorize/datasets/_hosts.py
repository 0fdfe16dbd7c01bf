"""Manners towards hosts: how many requests at once, when to rest, and what their robots.txt asks."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from urllib.robotparser import RobotFileParser

FAILURES_IN_A_ROW = 5  # after so many a host rests
FIRST_REST, LONGEST_REST = 60.0, 900.0  # seconds; each rest is twice the one before


class Clock:
    """Time, as the scraper sees it: tests have one of their own, in which rests pass at once."""

    def now(self) -> float:
        """Seconds since some fixed moment."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Let other tasks run meanwhile."""
        await asyncio.sleep(seconds)

    def wait(self, seconds: float) -> None:
        """Block the thread."""
        time.sleep(seconds)

    def deadline(self, seconds: float) -> asyncio.Timeout:
        """A context that raises TimeoutError when it takes longer."""
        return asyncio.timeout(seconds)

    def left(self, deadline: asyncio.Timeout) -> float:
        """Seconds until a deadline."""
        moment = deadline.when()
        assert moment is not None  # it does not stand still
        return max(0.0, moment - asyncio.get_running_loop().time())


class Trouble(Exception):
    """A request failed by a fault of the host that may pass: worth another try.

    Parameters
    ----------
    error : str
        What happened.
    http_status : int, optional
        What the host answered.
    rest : float, optional
        For how many seconds the host asks to be left alone.
    """

    def __init__(self, error: str, http_status: int | None = None, rest: float | None = None):
        super().__init__(error, http_status, rest)
        self.error, self.http_status, self.rest = error, http_status, rest


class Resting(Exception):
    """A host rests: its addresses are put off."""

    def __init__(self, host: str, error: str = ""):
        super().__init__(host, error)
        self.host, self.error = host, error


@dataclass
class Standing:
    """What shards tell each other of a host: seconds that it still rests and last rested, its robots.txt."""

    seconds: float = 0.0
    last: float = 0.0
    robots: RobotFileParser | None = None


class Host:
    """One host as one shard sees it.

    Parameters
    ----------
    name : str
        The host's name.
    limit : int
        Requests at once.
    clock : Clock
        Time.
    standing : Standing
        What earlier shards learned.
    """

    def __init__(self, name: str, limit: int, clock: Clock, standing: Standing):
        self._name, self._clock = name, clock
        self._slots = asyncio.Semaphore(limit)
        self._trial = asyncio.Lock()
        self._failures = 0
        self._last_rest = standing.last
        self._rests_until = clock.now() + standing.seconds
        self.robots = standing.robots
        self.robots_lock = asyncio.Lock()

    @property
    def standing(self) -> Standing:
        return Standing(max(0.0, self._rests_until - self._clock.now()), self._last_rest, self.robots)

    @property
    def resting(self) -> bool:
        return self._rests_until > self._clock.now()

    @asynccontextmanager
    async def turn(self):
        """Wait for one's turn to send a request. After a rest, one at a time until one succeeds.

        Raises
        ------
        Resting
            The host rests by now.
        """
        async with self._slots, self._trial if self._last_rest else nullcontext():
            if self.resting:
                raise Resting(self._name)
            yield

    def succeeded(self) -> None:
        """The host answered as it should, if only that a photo is gone."""
        self._failures = 0
        self._last_rest = 0.0

    def failed(self, rest: float | None = None) -> None:
        """Count a failure. After five in a row, a failed trial, or when it asks for it, the host rests."""
        self._failures += 1
        if self.resting:  # the others that were on their way when it began to rest
            return
        if rest is None and (self._last_rest or self._failures >= FAILURES_IN_A_ROW):
            rest = self._last_rest = min(2 * self._last_rest, LONGEST_REST) or FIRST_REST
        if rest is not None:
            self._rests_until = self._clock.now() + rest
            self._failures = 0


def retry_after(text: str | None) -> float | None:
    """Seconds that a Retry-After header, a number or a date, asks for; None where it says nothing."""
    if not text:
        return None
    try:
        return max(1.0, float(int(text)))
    except ValueError:
        pass
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(1.0, (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - time.time())


def parse_robots(body: bytes) -> RobotFileParser:
    """The rules of a robots.txt; an empty one allows everything."""
    rules = RobotFileParser()
    rules.parse(body.decode("utf-8-sig", "replace").splitlines())
    return rules


class Budget:
    """Room for so many bytes or pixels; who asks for more than there is in all gets all of it, alone."""

    def __init__(self, total: int):
        self._total = self._free = total
        self._first = asyncio.Lock()  # first come, first served: a large one is not starved by small ones
        self._freed = asyncio.Event()

    @asynccontextmanager
    async def take(self, amount: int):
        """Hold room; wait until there is some."""
        amount = min(amount, self._total)
        async with self._first:
            while self._free < amount:
                self._freed.clear()
                await self._freed.wait()
            self._free -= amount
        try:
            yield
        finally:
            self._free += amount
            self._freed.set()


def opted_out(headers, agent: str) -> str:
    """The header by which an answer opts out of machine learning, '' where none does.

    Parameters
    ----------
    headers : multidict
        Those of the answer.
    agent : str
        Our name in rules for one robot.
    """
    if headers.get("tdm-reservation", "").strip() == "1":
        return "tdm-reservation: 1"
    for line in headers.getall("X-Robots-Tag", ()):
        for rule in line.lower().split(","):
            robot, _, directive = rule.rpartition(":")
            if directive.strip() in {"noai", "noimageai"} and robot.strip() in {"", agent}:
                return f"X-Robots-Tag: {rule.strip()}"
    return ""
