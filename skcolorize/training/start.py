"""What a fit starts from: a network with embedded, downloaded, stored or random weights."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
import torch

from ..inference.decoding import Calibration, Decoding
from ..networks import ColorizationNetwork, ab_bins, build_network, network_config
from ..networks.weights import load_encoder_weights, load_npz, load_state, network_state, save_npz

#: Encoder and decoder of the embedded network.
EMBEDDED_NETWORK = "mobilenet_v2", "unet"


def embedded_path() -> Path:
    """Where the weights inside the package lie."""
    return Path(str(resources.files("skcolorize") / "pretrained" / "unet_mobilenet_v2.npz"))


@dataclass
class Start:
    """A network to begin with.

    Attributes
    ----------
    network : ColorizationNetwork
    decoding : Decoding
    origin : {"colorizer", "imagenet", "random"}
        What its weights know: colours, ImageNet's classes, nothing.
    new_head : bool
        Whether the head (and with it prior and calibration) has not been trained.
    params : dict
        Parameters of the Colorizer that saved the weights, where they come from one.
    """

    network: ColorizationNetwork
    decoding: Decoding
    origin: str
    new_head: bool = True
    params: dict | None = None


def packed(network, decoding: Decoding) -> tuple[dict, dict[str, np.ndarray]]:
    """A network and how it is decoded, as a description (plain Python) and arrays by name."""
    arrays = {f"network.{name}": array for name, array in network_state(network).items()}
    for name, tensor in (("ab_bins", decoding.bins), ("ab_prior", decoding.prior)):
        if tensor is not None:
            arrays[name] = tensor.cpu().numpy()
    return {"network": network.config, "calibration": vars(decoding.calibration)}, arrays


def unpacked(
    description: dict, arrays: dict[str, np.ndarray], source: str | os.PathLike = "state"
) -> tuple[ColorizationNetwork, Decoding]:
    """Network, in eval mode, and decoding that `packed` packed; `source` names them in messages."""
    network = build_network(description["network"], generator=None)
    state = {n.removeprefix("network."): a for n, a in arrays.items() if n.startswith("network.")}
    load_state(network, state, source)
    members = [arrays.get(name) for name in ("ab_bins", "ab_prior")]
    bins, prior = (None if a is None else torch.from_numpy(np.array(a, np.float32)) for a in members)
    return network.eval(), Decoding(bins, prior, Calibration(**description["calibration"]))


def read_weights(path: str | os.PathLike, storage_options: dict | None = None) -> Start:
    """The network of a weights file that `write_weights` wrote."""
    header, arrays = load_npz(path, storage_options=storage_options)
    try:
        network, decoding = unpacked(header, arrays, path)
        return Start(network, decoding, "colorizer", False, header["params"])
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path}: the header of this weights file has been altered ({error!r}).") from error


def write_weights(
    path,
    network,
    decoding: Decoding,
    params: dict,
    *,
    half: bool = False,
    storage_options: dict | None = None,
    **more,
) -> None:
    """One ``.npz`` without code: the network, its bins and prior, its calibration, the parameters."""
    description, arrays = packed(network, decoding)
    header = {"params": params, **description, **more}
    save_npz(path, arrays, header, half=half, storage_options=storage_options)


def _fresh_decoding(loss: str) -> Decoding:
    return Decoding(torch.from_numpy(ab_bins()) if loss == "log_loss" else None)


def starting_point(encoder: str, decoder: str, loss: str, weights, seed: int) -> Start:
    """Network and decoding that a new fit begins with.

    Parameters
    ----------
    encoder, decoder, loss : str
        The Colorizer's parameters.
    weights : {"auto", "embedded", "imagenet"}, path or None
        The Colorizer's parameter.
    seed : int
        For what has no stored weights.

    Raises
    ------
    ValueError
        Where weights and network do not belong together, or a file is broken.
    OSError
        Where torchvision's weights can't be downloaded.
    """
    is_embedded = (encoder, decoder) == EMBEDDED_NETWORK
    if weights == "auto":
        weights = "embedded" if is_embedded and embedded_path().exists() else "imagenet"
    if weights == "embedded":
        if not is_embedded:
            raise ValueError(
                "weights='embedded' go with encoder={!r} and decoder={!r}, ".format(*EMBEDDED_NETWORK)
                + f"not with encoder={encoder!r} and decoder={decoder!r}. Use weights='imagenet' there."
            )
        weights = embedded_path()
    config = network_config(encoder, decoder, loss)
    if weights is None or weights == "imagenet" or Path(weights).suffix == ".pth":
        network = build_network(config, seed)
        if weights is not None:
            load_encoder_weights(network, weights)
        return Start(network, _fresh_decoding(loss), "random" if weights is None else "imagenet")
    stored = read_weights(weights)
    theirs = stored.network.config
    if (theirs["encoder"], theirs["decoder"]) != (encoder, decoder):
        raise ValueError(
            f"{os.fspath(weights)!r} holds encoder={theirs['encoder']!r} and decoder={theirs['decoder']!r}, "
            f"not encoder={encoder!r} and decoder={decoder!r}"
        )
    if theirs["loss"] == loss:
        return stored
    names = ("taps", "widths", "residuals", "encoder_norms")
    network = build_network({**config, **{name: theirs[name] for name in names}}, seed)
    body = {n: a for n, a in network_state(stored.network).items() if not n.startswith("head.")}
    load_state(network, {**network_state(network), **body})
    return Start(network, _fresh_decoding(loss), "colorizer")
