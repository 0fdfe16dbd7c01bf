"""Times that can be compared, and what is told of them."""

import hashlib
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import skcolorize


def best_of(repeats, *calls, clock=time.process_time):
    """Least time of each call, in seconds, the calls taken in turns within one process.

    By processor time, so that what else the machine does meets all alike; by ``time.perf_counter`` where
    several cores work.
    """
    times = [[] for _ in calls]
    for _ in range(repeats):
        for call, spent in zip(calls, times, strict=True):
            start = clock()
            call()
            spent.append(clock() - start)
    return [min(spent) for spent in times]


def in_own_process(script, *arguments, environment):
    """What a script prints, as JSON, in a process that finds the package, the tests and the benchmarks."""
    tests = Path(__file__).parent
    paths = Path(skcolorize.__file__).parents[1], tests, tests / "benchmarks"
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        env={**environment, "PYTHONPATH": os.pathsep.join(map(str, paths))},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def tell(
    benchmark,
    what,
    beside,
    reached,
    *,
    at_least=None,
    at_most=None,
    unit="times as fast",
    slack=1.0,
    asserted=True,
):
    """Note a figure for the performance page, print it, and compare it with its floor.

    A missed floor fails the test when it ends, by `check_floors`: what is measured after it is told too.

    Parameters
    ----------
    benchmark : fixture of pytest-benchmark
        Its ``extra_info["figures"]`` are what ``tests/benchmarks/page.py`` makes the page from; those that
        miss their floor are in ``extra_info["missed"]`` also.
    what, beside : str
        What was measured, and what it is compared with.
    reached : float
    at_least, at_most : float or None
        The floor, if there is one.
    unit : str
    slack : float, default=1.0
        So much of `at_least` will do, where other work on the machine is felt.
    asserted : bool, default=True
        Whether a missed floor fails the test. Not so for seconds, which tell as much of the machine: the page
        has them beside their floor.
    """
    figure = {"what": what, "beside": beside, "reached": reached, "unit": unit}
    figure |= {"at_least": at_least, "at_most": at_most}
    benchmark.extra_info.setdefault("figures", []).append(figure)
    floor = "".join(
        f", {name} {value:g}" for name, value in (("at least", at_least), ("at most", at_most)) if value
    )
    print(f"\n{what}: {reached:.3g} {unit} ({beside}{floor})")
    reaches = (at_least is None or reached >= slack * at_least) and (at_most is None or reached <= at_most)
    if asserted and not reaches:
        benchmark.extra_info.setdefault("missed", []).append(figure)


def check_floors(benchmark):
    """Fail if a figure that was told has missed its floor."""
    missed = benchmark.extra_info.get("missed", ())
    assert not missed, "\n".join(["floors missed:", *map(str, missed)])


def tell_growth(benchmark, what, by, costs):
    """Note for the performance page how a cost grows, and print it.

    Parameters
    ----------
    benchmark : fixture of pytest-benchmark
        Its ``extra_info["growth"]`` becomes a table of the page.
    what, by : str
        What was measured, and what it grows with.
    costs : dict of {str or number: float}
        By the values of what it grows with, over the cost at one of them, where it is exactly 1.
    """
    benchmark.extra_info.setdefault("growth", []).append({"what": what, "by": by, "costs": costs})
    print(f"\n{what}, by {by}: " + ", ".join(f"{value}: {cost:.3g}" for value, cost in costs.items()))


def free_cores():
    """How many times as much two threads get done as one right now, at work that needs nothing but a core."""

    def work():
        start = time.perf_counter()
        for _ in range(20):
            hashlib.sha256(bytes(1_000_000))  # lets go of the interpreter's lock
        return time.perf_counter() - start

    one = min(work() for _ in range(5))
    with ThreadPoolExecutor(2) as pool:
        two = min(max(future.result() for future in [pool.submit(work) for _ in range(2)]) for _ in range(5))
    return 2 * one / two
