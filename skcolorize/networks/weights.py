"""Weights on disk: our own .npz files, torchvision's weights, and the recipe's start weights."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn


def network_state(network: nn.Module) -> dict[str, np.ndarray]:
    """Parameters and statistics of a network as NumPy arrays, by name."""
    state = network.state_dict()
    return {
        name: t.detach().cpu().numpy()
        for name, t in state.items()
        if not name.endswith("num_batches_tracked")
    }


def load_state(network: nn.Module, state: dict[str, np.ndarray]) -> None:
    """Put arrays as :func:`network_state` gives them into a network built from the same configuration."""
    own = {name for name in network.state_dict() if not name.endswith("num_batches_tracked")}
    missing, unknown = sorted(own - set(state)), sorted(set(state) - own)
    if missing or unknown:
        raise ValueError(f"The weights are of another network: missing {missing[:3]}, unknown {unknown[:3]}.")
    # copied: arrays may be read-only (memory maps), and the network must own what it trains
    tensors = {name: torch.from_numpy(np.array(state[name], np.float32)) for name in own}
    network.load_state_dict(tensors, strict=False)


def gray_stem(weight: torch.Tensor, mean, std) -> torch.Tensor:
    """The first convolution for scaled lightness and a plane of ones.

    Parameters
    ----------
    weight : tensor of shape (out, 3, k, k)
        Meant for RGB in 0..1, normalised by `mean` and `std`; or (out, 1, k, k) for gray, with scalars.

    Returns
    -------
    weight : tensor of shape (out, 2, k, k)
    """
    mean, std = (torch.as_tensor(v, dtype=torch.float64).reshape(1, -1, 1, 1) for v in (mean, std))
    weight = weight.double() / std
    return torch.stack([(weight / 2).sum(1), (weight * (0.5 - mean)).sum(1)], 1).float()


def load_start_weights(path: str, network: nn.Module) -> np.ndarray:
    """Fill the default network from the recipe's start file and return its ``ab_prior``, shape (n_bins,)."""
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    prior = arrays.pop("ab_prior")
    arrays.pop("ab_bins")
    state = {
        _start_name(name): value for name, value in arrays.items() if not name.endswith("num_batches_tracked")
    }
    stem = "encoder.features.0.0.weight"
    state[stem] = gray_stem(torch.from_numpy(state[stem].astype(np.float32)), 0.449, 0.2255).numpy()
    load_state(network, state)
    return prior


def _start_name(name: str) -> str:
    if name.startswith("features."):
        return "encoder." + name
    for theirs, ours in (("red.", "reduce."), ("glob.", "context."), ("b.", "blocks.")):
        if name.startswith("decoder." + theirs):
            return "decoder." + ours + name.removeprefix("decoder." + theirs).replace(".c.", ".")
    return name.replace("decoder.head.", "head.conv.")
