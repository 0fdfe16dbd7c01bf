"""Times that can be compared: taken in turns within one process."""

import time


def best_of(repeats, *calls):
    """Least processor time of each call, in seconds, the calls taken in turns."""
    times = [[] for _ in calls]
    for _ in range(repeats):
        for call, spent in zip(calls, times, strict=True):
            start = time.process_time()
            call()
            spent.append(time.process_time() - start)
    return [min(spent) for spent in times]
