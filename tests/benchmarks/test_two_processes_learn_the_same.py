"""How near the weights come that two processes under torchrun learn to those of one: a row, not a time."""

import numpy as np
import pytest
from timing import tell
from training.test_distributed import folder, results, train

__all__ = ["folder"]  # the fixture: eight photos, and the script that fits on them


def test_two_processes_against_one(benchmark, folder):
    """Four steps at one global batch, in float32, from the embedded network."""
    if benchmark.disabled:
        pytest.skip("tests/training/test_distributed.py holds it")
    assert benchmark.pedantic(train, args=(folder, 2, "two"), rounds=1).returncode == 0
    assert train(folder, 1, "one").returncode == 0
    (one, losses), (two, same_losses) = results(folder, "one"), results(folder, "two")
    off = max(np.abs(two - one).max(), np.abs(np.divide(same_losses, losses) - 1).max())
    what = "largest difference of weights and losses after four steps in two processes"
    tell(benchmark, what, "one process, the same global batch", float(off), at_most=1e-5, unit="")
