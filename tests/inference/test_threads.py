"""A stream worked on in threads: order, laziness, errors."""

import pytest

from skcolorize.inference.threads import ordered_map


def failing(n):
    yield from range(n)
    raise OSError("the stream broke off")


@pytest.mark.parametrize("n_jobs", [None, 3])
def test_errors_come_at_their_place(n_jobs):
    """Behind what came before: of the function, and of the items themselves."""
    results = ordered_map(lambda n: 12 // (5 - n), range(8), n_jobs)
    assert [next(results) for _ in range(5)] == [2, 3, 4, 6, 12]
    with pytest.raises(ZeroDivisionError):
        next(results)
    results = ordered_map(abs, failing(5), n_jobs)
    assert [next(results) for _ in range(5)] == list(range(5))
    with pytest.raises(OSError, match="broke off"):
        next(results)


@pytest.mark.parametrize("n_jobs", [None, 3])
def test_items_are_taken_as_results_are(n_jobs):
    taken = []

    def items():
        for i in range(100):
            taken.append(i)
            yield i

    results = ordered_map(str, items(), n_jobs)
    for i in range(20):
        assert next(results) == str(i)
        assert len(taken) <= i + 5
    results.close()
    assert len(taken) <= 25
    assert list(ordered_map(str, items(), n_jobs)) == [str(i) for i in range(100)]
    assert list(ordered_map(str, [], n_jobs)) == []
