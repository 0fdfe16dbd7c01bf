"""Networks: an encoder, a decoder and a head, described by a dictionary that JSON can hold."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from .decoders import PlainDecoder, UnetDecoder
from .encoders import Encoder, describe_encoder, encoder_names, no_storage
from .heads import ALL_ROWS, AbHead, BinsHead, LogLoss, PlainAbHead, SquaredError, ab_bins, set_prior
from .initialisation import initialise
from .norms import fold_batch_norm, fold_encoder_norms_

__all__ = [
    "ColorizationNetwork",
    "LogLoss",
    "SquaredError",
    "ab_bins",
    "build_network",
    "encoder_names",
    "fold_batch_norm",
    "fold_encoder_norms_",
    "freeze",
    "network_config",
    "set_prior",
]

UNET_WIDTHS = [160, 160, 112, 80]  # the reduced deepest map, then one for each block
UNET_RESIDUALS = [3, 3]  # behind the reduced deepest map and the first block
PLAIN_WIDTHS = [256, 128, 64, 32, 16]


def network_config(
    encoder: str = "mobilenet_v2",
    decoder: str = "unet",
    loss: str = "log_loss",
    *,
    taps: list[str] | None = None,
    widths: list[int] | None = None,
    residuals: list[int] | None = None,
    n_bins: int | None = None,
) -> dict:
    """Everything needed to build a network, whatever the defaults will be by then.

    Parameters
    ----------
    encoder : str
        A name of :func:`encoder_names`.
    decoder : {"unet", "plain"}
    loss : {"log_loss", "squared_error"}
    taps : list of str or None
        Default taps of the encoder that the decoder uses; None: all for "unet", the deepest for "plain".
    widths : list of int or None
        Channels within the decoder.
    residuals : list of int or None
        Inverted residuals of the "unet" decoder after its first steps.
    n_bins : int or None
        Bins of a "log_loss" head; None: as many as :func:`ab_bins` has.

    Returns
    -------
    config : dict
        For :func:`build_network`; made of strings, numbers and lists.

    Raises
    ------
    ValueError
        If a name is unknown; near matches of an encoder's name are listed.

    Examples
    --------
    >>> network_config("mobilenet_v2")["channels"]
    [24, 32, 96, 320]
    """
    if decoder not in ("unet", "plain"):
        raise ValueError(f"The 'decoder' parameter must be 'unet' or 'plain'. Got {decoder!r}.")
    if loss not in ("log_loss", "squared_error"):
        raise ValueError(f"The 'loss' parameter must be 'log_loss' or 'squared_error'. Got {loss!r}.")
    maps = list(describe_encoder(encoder))
    if taps is not None:
        known = [tap[0] for tap in maps]
        if not taps or not set(taps) <= set(known):
            raise ValueError(f"The taps of {encoder!r} are {', '.join(known)}. Got {taps}.")
        maps = [tap for tap in maps if tap[0] in taps]
    elif decoder == "plain":
        maps = maps[-1:]
    names, channels, strides = map(list, zip(*maps, strict=True))
    if widths is None and decoder == "unet":
        widths = [UNET_WIDTHS[0], *UNET_WIDTHS[len(UNET_WIDTHS) - len(maps) + 1 :]]
    elif widths is None:
        end_stride = 4 if loss == "log_loss" else 2
        widths = PLAIN_WIDTHS[: (strides[-1] // end_stride).bit_length()]
    if residuals is None:
        residuals = UNET_RESIDUALS[: len(maps)] if decoder == "unet" else []
    if loss == "log_loss" and n_bins is None:
        n_bins = len(ab_bins())
    return {
        "encoder": encoder,
        "encoder_norms": "batch",
        "taps": names,
        "channels": channels,
        "strides": strides,
        "decoder": decoder,
        "widths": list(widths),
        "residuals": list(residuals),
        "loss": loss,
        "n_bins": n_bins,
    }


class ColorizationNetwork(nn.Module):
    """Colour from lightness: ``decode(encode(x))``.

    Parameters
    ----------
    config : dict
        Made by :func:`network_config`. A network is built without memory; use :func:`build_network`.
    """

    decoder: UnetDecoder | PlainDecoder
    head: BinsHead | AbHead | PlainAbHead

    def __init__(self, config: dict):
        super().__init__()
        self.config = dict(config)
        channels, widths = config["channels"], config["widths"]
        bins = config["loss"] == "log_loss"
        self.encoder = Encoder(config["encoder"], config["taps"])
        with no_storage():
            if config["decoder"] == "unet":
                self.decoder = UnetDecoder(channels, widths, config["residuals"])
                self.head = BinsHead(widths[-1], config["n_bins"], 1) if bins else AbHead(widths[-1])
            else:
                self.decoder = PlainDecoder(channels[-1], widths)
                self.head = BinsHead(widths[-1], config["n_bins"], 3) if bins else PlainAbHead(widths[-1])
        if config["encoder_norms"] == "folded":
            fold_encoder_norms_(self)

    def forward(self, x: torch.Tensor, rows: slice = ALL_ROWS) -> dict[str, torch.Tensor]:
        """Heads' outputs for scaled lightness `x`, (N, 1, h, w); h and w are multiples of 32.

        ``{"logits": (N, n_bins, h/4, w/4)}``, or ``{"ab": (N, 2, h/4, w/4)}`` in units of 128, for the plain
        decoder at full size. Logits may be asked for in some `rows` alone, such as ``slice(1, None, 2)``.
        """
        return self.decode(self.encode(x), rows)

    def encode(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return self.encoder(x)

    def decode(self, maps: tuple[torch.Tensor, ...], rows: slice = ALL_ROWS) -> dict[str, torch.Tensor]:
        x = self.decoder(maps)
        # SqueezeNet's maps are a pixel short: the photo's sides are the next multiples of 32.
        cells = 32 // self.config["strides"][-1]
        size = [-(-side // cells) * 32 // self.head.stride for side in maps[-1].shape[-2:]]
        if list(x.shape[-2:]) != size:
            mode = "bilinear" if self.config["decoder"] == "unet" else "nearest"
            x = F.interpolate(x, size=size, mode=mode)
        return self.head(x, rows)

    def train(self, mode: bool = True) -> ColorizationNetwork:
        """Training mode, in which folded encoders and frozen parts keep their statistics."""
        super().train(mode)
        fixed = self.config["encoder_norms"] == "folded"
        for module in self.encoder.modules():
            if isinstance(module, nn.BatchNorm2d) and (fixed or not module.weight.requires_grad):
                module.eval()
        return self


def build_network(config: dict, generator: torch.Generator | int | None = 0) -> ColorizationNetwork:
    """A network with fresh weights, drawn from `generator` (or a seed) alone.

    No global state is touched or heeded: not torch's generator, nor its default device and dtype. With
    ``generator=None`` the values are left undefined, for a state that is loaded next.

    Examples
    --------
    >>> network = build_network(network_config("squeezenet1_1"), 0)
    >>> network(torch.zeros(1, 1, 64, 96))["logits"].shape
    torch.Size([1, 305, 16, 24])
    """
    network = ColorizationNetwork(config).float()
    network.to_empty(device="cpu")
    for statistic in network.buffers():
        statistic.zero_()
    if generator is not None:
        initialise(network, generator)
    return network


def freeze(network: ColorizationNetwork, n_blocks: int | bool = True) -> None:
    """Keep the encoder's first `n_blocks` steps as they are (True: all of them, False or 0: none)."""
    steps = network.encoder.steps
    n_blocks = len(steps) * n_blocks if isinstance(n_blocks, bool) else n_blocks
    for i, step in enumerate(steps):
        network.encoder.get_submodule(step).requires_grad_(i >= n_blocks)
    network.train(network.training)
