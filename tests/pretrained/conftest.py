"""What the recipe starts from in these tests."""

import numpy as np
import pytest

from skcolorize.networks import build_network, network_config


@pytest.fixture(scope="session")
def init(tmp_path_factory):
    """ImageNet weights are a download: random ones in torchvision's names stand for them."""
    path = tmp_path_factory.mktemp("init") / "squeezenet.npz"
    network = build_network(network_config("squeezenet1_1"), 0)
    state = {n: t.numpy() for n, t in network.encoder.state_dict().items()}
    first = next(iter(state))
    state[first] = np.repeat(state[first][:, :1], 3, axis=1)
    np.savez(path, **state)
    return str(path)
