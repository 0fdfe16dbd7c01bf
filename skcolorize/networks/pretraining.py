"""Weights that others trained: torchvision's, downloaded or from a file, and the recipe's start weights."""

from __future__ import annotations

import os
import re
from urllib.parse import urlparse

import numpy as np
import torch

from .encoders import CLASSIFIER, torchvision_model
from .state import check_shapes, load_state, network_state, own_tensors

# torchvision's DenseNet files are older than its DenseNet: ``norm.1`` there is ``norm1`` here
_OLD_DENSENET = re.compile(r"(.*denselayer\d+\.(?:norm|relu|conv))\.([12]\..*)")

_START_BLOCK = re.compile(r"decoder\.b\.(\d)\.c\.(\d)\.(\w+)")
#: Weights of a row of three pixels, as those of one at half the size.
_INWARDS = np.array([[0.5, 0, 0], [0.5, 1, 0.5], [0, 0, 0.5]])


def load_encoder_weights(network, weights: str | os.PathLike | None) -> None:
    """Give the encoder of `network` pretrained weights; its norms are not folded yet.

    Parameters
    ----------
    network : ColorizationNetwork
    weights : {"imagenet"}, str, PathLike or None
        "imagenet": torchvision's own, downloaded once into its own cache. A path: a torchvision ``.pth`` of
        this encoder (no code in it is run), or an ``.npz`` with torchvision's names. The classifier in it is
        ignored. None: nothing is done.

    Raises
    ------
    ConnectionError
        If "imagenet" cannot be downloaded; the message says what else can be done.
    ValueError
        If the file cannot be read or does not fit the encoder.
    """
    if weights is None:
        return
    if network.config["encoder_norms"] == "folded":
        raise ValueError("Pretrained weights are loaded before the norms are folded.")
    published = _published(network.config["encoder"])
    path = _download(published.url) if weights == "imagenet" else os.fspath(weights)
    preprocessing = published.transforms()
    _load(network, _read(path), path, preprocessing.mean, preprocessing.std)


def _published(name: str):
    """torchvision's entry of the ImageNet weights of an encoder: the first version, where there is one."""
    from torchvision import models

    entries = models.get_model_weights(name)
    return getattr(entries, "IMAGENET1K_V1", entries.DEFAULT)


def _download(url: str) -> str:
    """Path of the file in torch.hub's cache, where torchvision looks too; fetched if it is not there."""
    file_name = os.path.basename(urlparse(url).path)
    folder = os.path.join(torch.hub.get_dir(), "checkpoints")
    path = os.path.join(folder, file_name)
    if not os.path.exists(path):
        hash_prefix = re.search(r"-([a-f0-9]{8,})\.", file_name)
        try:
            os.makedirs(folder, exist_ok=True)
            torch.hub.download_url_to_file(url, path, hash_prefix and hash_prefix[1], progress=False)
        except (OSError, RuntimeError) as error:  # RuntimeError: the hash does not fit
            raise ConnectionError(
                f"The ImageNet weights could not be downloaded ({error}). Download {url} by other means and "
                f"put the file {file_name} into {folder}, or pass weights=None to start from random weights."
            ) from None
    return path


def _read(path: str) -> dict[str, torch.Tensor]:
    """Tensors of a ``.pth`` or ``.npz`` file, by name."""
    try:
        if path.endswith(".npz"):
            with np.load(path, allow_pickle=False) as file:
                return {name: torch.from_numpy(file[name]).float() for name in file.files}
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise
    except (
        Exception
    ):  # whatever pickle and zip meet in a strange file; torch's advice there is to run its code
        raise ValueError(
            f"{path}: damaged, or more than weights (code in a file is never run). Fetch it again."
        ) from None
    if not (isinstance(state, dict) and all(isinstance(value, torch.Tensor) for value in state.values())):
        raise ValueError(f"{path}: expected a dictionary of tensors, as torchvision's .pth files hold.")
    return state


def _load(network, state: dict[str, torch.Tensor], source: str, mean, std) -> None:
    """Copy torchvision's tensors into the encoder; its first convolution is turned to gray."""
    name = network.config["encoder"]
    state = {_OLD_DENSENET.sub(r"\1\2", key): value for key, value in state.items()}
    whole, own = torchvision_model(name).state_dict(), own_tensors(network.encoder)
    for key in list(state):  # a classifier, whatever its size, and what comes after the last tap
        if key.split(".")[0] in CLASSIFIER or (key in whole and key not in own):
            del state[key]
    check_shapes(state, {key: whole[key] for key in own}, f"{source}: these are not weights of {name}")
    with torch.no_grad():
        for key, tensor in own.items():
            value = state[key]
            tensor.copy_(value if value.shape == tensor.shape else gray_stem(value, mean, std))


def gray_stem(weight: torch.Tensor, mean, std) -> torch.Tensor:
    """The first convolution for scaled lightness and a plane of ones.

    L / 100 takes the place of the gray value in 0..1 that all three channels would have.

    Parameters
    ----------
    weight : tensor of shape (out, 3, k, k) or (out, 1, k, k)
        Meant for RGB (gray) in 0..1, normalised by `mean` and `std`.
    mean, std : sequence of float, one per channel

    Returns
    -------
    weight : tensor of shape (out, 2, k, k)
    """
    mean, std = (torch.tensor(v, dtype=torch.float64).reshape(1, -1, 1, 1) for v in (mean, std))
    weight = weight.double() / std
    return torch.stack([(weight / 2).sum(1), (weight * (0.5 - mean)).sum(1)], 1).float()


def load_start_weights(path: str | os.PathLike, network) -> np.ndarray:
    """Fill the default network from the recipe's start file and give its ``ab_prior``, shape (n_bins,).

    The decoder of that file convolves the enlarged map and the tap together. Taken apart, the kernels of the
    map act before it is enlarged, where a step is two pixels: half of a neighbour's weight moves inwards.
    It has no inverted residuals: those of the network stay as they are, and add nothing at first.
    """
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files if not name.endswith("num_batches_tracked")}
    prior = arrays.pop("ab_prior")
    del arrays["ab_bins"]
    state = {n: a for n, a in network_state(network).items() if n.startswith("decoder.residuals.")}
    for name, value in arrays.items():
        state |= _start_members(name, value, network.config["widths"])
    stem = "encoder.features.0.0.weight"
    state[stem] = gray_stem(torch.from_numpy(state[stem]), [0.449], [0.2255]).numpy()
    load_state(network, state, path)
    return prior


def _start_members(name: str, value: np.ndarray, widths: list[int]) -> dict[str, np.ndarray]:
    """What a member of the start file is in a network's state."""
    if name.startswith("features."):
        return {f"encoder.{name}": value}
    if not (match := _START_BLOCK.fullmatch(name)):
        for theirs, ours in (("decoder.red.", "decoder.reduce."), ("decoder.glob.", "decoder.context.")):
            name = name.replace(theirs, ours)
        return {name.replace("decoder.head.", "head.conv."): value}
    block, layer, leaf = match[1], int(match[2]), match[3]
    below, skip = (f"decoder.blocks.{block}.{part}" for part in ("below", "skip"))
    if layer == 0:
        kernels, n_below = value.astype(np.float32), widths[int(block)]
        moved = np.einsum("ai,bj,ocij->ocab", _INWARDS, _INWARDS, kernels[:, :n_below])
        return {f"{below}.0.{leaf}": moved.astype(np.float32), f"{skip}.0.{leaf}": kernels[:, n_below:]}
    if layer == 1:  # of the two norms one shifts
        shift = leaf in ("bias", "running_mean")
        return {f"{below}.1.{leaf}": np.zeros_like(value) if shift else value, f"{skip}.1.{leaf}": value}
    return {f"decoder.blocks.{block}.mix.{layer - 2}.{leaf}": value}
