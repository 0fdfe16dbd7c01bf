"""Settings of every test run: quiet OpenMP threads, set before PyTorch loads."""

import os

import pytest

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "0")


@pytest.fixture
def one_thread():
    """PyTorch on one thread: what is compared bit by bit, or timed, must not depend on free cores."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
