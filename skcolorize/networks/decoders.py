"""Decoders: from an encoder's feature maps to one map for the head."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from .depthwise import DepthwiseConv2d


class UnetDecoder(nn.Module):
    """A light U-Net decoder that ends at the shallowest map it is given.

    The deepest map is reduced to ``widths[0]`` channels, to which a linear view of its mean is added
    everywhere. Where a cell covers much of the photo, inverted residuals let neighbours agree on what they
    show. Each block convolves the map, enlarges it to the size of the next tap, adds a convolution of
    the tap and mixes both: a depthwise convolution and a 1x1 one, with batch norm and ReLU. What is enlarged
    is smooth: a convolution before it costs a quarter of one behind it and does as well.

    Parameters
    ----------
    channels : list of int
        Channels of the encoder's maps, shallowest first.
    widths : list of int
        One width for the reduced deepest map and one for each block, deepest first.
    residuals : list of int
        How many inverted residuals follow the reduction, the first block and so on; none where it ends.
    """

    def __init__(self, channels: list[int], widths: list[int], residuals: list[int]):
        super().__init__()
        if len(widths) != len(channels):
            raise ValueError(
                f"The unet decoder needs {len(channels)} widths, one for each tap. Got {widths}."
            )
        self.reduce = nn.Conv2d(channels[-1], widths[0], 1)
        self.context = nn.Linear(channels[-1], widths[0])
        inputs = zip(widths, channels[-2::-1], widths[1:], strict=False)
        self.blocks = nn.ModuleList(_Block(*sizes) for sizes in inputs)
        counts = [*residuals, *[0] * len(widths)]
        self.residuals = nn.ModuleList(
            nn.Sequential(*(InvertedResidual(width) for _ in range(n)))
            for n, width in zip(counts, widths, strict=False)
        )
        self.out_channels = widths[-1]

    def forward(self, maps: tuple[torch.Tensor, ...]) -> torch.Tensor:
        deepest = _dense_gradient(maps[-1])
        x = self.reduce(deepest) + self.context(deepest.mean((2, 3)))[:, :, None, None]
        x = self.residuals[0](x)
        for block, skip, residuals in zip(self.blocks, maps[-2::-1], self.residuals[1:], strict=True):
            x = residuals(block(x, skip))
        return x


def _dense_gradient(x: torch.Tensor) -> torch.Tensor:
    """`x`, whose gradient will lie channels last by itself: what comes back as a part of a wider map, or as a
    sum with a constant, sends enlarging and convolutions on slow ways."""
    if x.requires_grad:
        x.register_hook(lambda gradient: gradient.contiguous(memory_format=torch.channels_last))
    return x


class InvertedResidual(nn.Module):
    """What a cell and its neighbours within two cells add to it: nothing at first.

    References
    ----------
    M. Sandler et al. MobileNetV2: inverted residuals and linear bottlenecks. CVPR 2018.
    """

    def __init__(self, width: int):
        super().__init__()
        hidden = 4 * width
        self.expand = nn.Conv2d(width, hidden, 1)
        self.spread = DepthwiseConv2d(hidden, hidden, 5, padding=2, groups=hidden)
        self.project = nn.Conv2d(hidden, width, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        wide = F.relu(self.expand(x), inplace=True)
        return x + self.project(F.relu(self.spread(wide), inplace=True))


class _Block(nn.Module):
    """The map below and the tap, mixed at the tap's size."""

    def __init__(self, below: int, skip: int, width: int):
        super().__init__()
        self.below = nn.Sequential(nn.Conv2d(below, width, 3, padding=1, bias=False), nn.BatchNorm2d(width))
        self.skip = nn.Sequential(nn.Conv2d(skip, width, 3, padding=1, bias=False), nn.BatchNorm2d(width))
        self.mix = nn.Sequential(
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, padding=1, groups=width, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
        )

    def forward(self, x: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
        x = F.interpolate(self.below(x), size=skip.shape[-2:], mode="bilinear", align_corners=False)
        return self.mix(_dense_gradient(x) + self.skip(skip))


class PlainDecoder(nn.Module):
    """3x3 convolutions with ReLU on the deepest map alone, each but the first followed by nearest upsampling.

    Parameters
    ----------
    channels : int
        Channels of the deepest map.
    widths : list of int
        Width of each convolution: each but the first doubles height and width.
    """

    def __init__(self, channels: int, widths: list[int]):
        super().__init__()
        pairs = zip([channels, *widths], widths, strict=False)
        self.convs = nn.ModuleList(nn.Conv2d(before, width, 3, padding=1) for before, width in pairs)
        self.out_channels = widths[-1]

    def forward(self, maps: tuple[torch.Tensor, ...]) -> torch.Tensor:
        x = F.relu(self.convs[0](maps[-1]))
        for conv in self.convs[1:]:
            x = F.interpolate(F.relu(conv(x)), scale_factor=2, mode="nearest")
        return x
