"""A network's state as plain arrays: with ``network.config`` they are the whole network."""

from __future__ import annotations

import os

import numpy as np
import torch
from torch import nn

COUNTER = "num_batches_tracked"  # of batch norms; nothing here reads it


def network_state(network: nn.Module) -> dict[str, np.ndarray]:
    """Parameters and statistics of a network as float32 arrays, by name."""
    return {name: t.detach().cpu().numpy().copy() for name, t in own_tensors(network).items()}


def load_state(network: nn.Module, state: dict[str, np.ndarray], source: str | os.PathLike = "state") -> None:
    """Put arrays as :func:`network_state` gives them into a network of the same configuration.

    Parameters
    ----------
    network : ColorizationNetwork
    state : dict of str to ndarray
        Copied, so that memory maps and read-only arrays will do.
    source : str or PathLike, default="state"
        Where the arrays come from, for the message.

    Raises
    ------
    ValueError
        If a name is missing or unknown, or a shape differs: the network is then left as it was.
    """
    own = own_tensors(network)
    check_shapes(state, own, f"{source}: these are weights of another network")
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(torch.from_numpy(np.array(state[name], np.float32)))


def own_tensors(module: nn.Module) -> dict[str, torch.Tensor]:
    """The state dictionary without counters."""
    return {name: t for name, t in module.state_dict().items() if not name.endswith(COUNTER)}


def check_shapes(given: dict, expected: dict, complaint: str) -> None:
    """Raise a ValueError that begins with `complaint` unless names and shapes agree."""
    faults = [f"{name} is missing" for name in expected if name not in given]
    faults += [f"{name} is unknown" for name in given if name not in expected]
    for name in expected.keys() & given.keys():
        got, wanted = tuple(given[name].shape), tuple(expected[name].shape)
        if got != wanted:
            faults.append(f"{name} has shape {got} instead of {wanted}")
    if faults:
        more = f" and {len(faults) - 3} more" if len(faults) > 3 else ""
        raise ValueError(f"{complaint} ({'; '.join(sorted(faults)[:3])}{more}).")
