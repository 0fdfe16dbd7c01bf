"""A missed floor is told with all other figures, and fails the test."""

from types import SimpleNamespace

import pytest
from timing import check_floors, tell


@pytest.mark.parametrize(
    ("reached", "floor", "fails"),
    [
        (8.0, dict(at_least=8), False),
        (7.9, dict(at_least=8), True),
        (7.9, dict(at_least=8, slack=0.9), False),
        (0.3, dict(at_most=0.2), True),
        (0.2, dict(at_most=0.2), False),
        (0.3, dict(at_most=0.2, asserted=False), False),
        (0.1, dict(), False),
    ],
)
def test_what_misses_fails_at_the_end(reached, floor, fails):
    told = SimpleNamespace(extra_info={})
    tell(told, "a photo", "the plain way", reached, **floor)
    tell(told, "its parts", "the plain way", 1.0)
    assert [figure["what"] for figure in told.extra_info["figures"]] == ["a photo", "its parts"]
    if not fails:
        check_floors(told)
        return
    with pytest.raises(AssertionError, match=r"floors missed:\n.*'a photo'"):
        check_floors(told)
