"""Fresh weights, drawn from one generator."""

from __future__ import annotations

import math

import torch
from torch import nn

from .decoders import InvertedResidual
from .encoders import GrayConv2d


@torch.no_grad()
def initialise(network, generator: torch.Generator | int) -> None:
    """Give every parameter and statistic of `network` a first value.

    He's normal initialisation for convolutions (groups counted), a normal one of deviation 0.02 for linear
    layers, 1e-6 for ConvNeXt's layer scales as in torchvision, zero for what the decoder's residuals add,
    near zero for the head's last layer, so that training starts from gray.
    """
    if not isinstance(generator, torch.Generator):
        generator = torch.Generator().manual_seed(generator)
    for module in network.modules():
        own = dict(module.named_parameters(recurse=False))
        if isinstance(module, nn.Conv2d):
            fan_in = module.weight[0].numel()
            if isinstance(module, GrayConv2d):
                fan_in //= 2
            module.weight.normal_(0, math.sqrt(2 / fan_in), generator=generator)
            if isinstance(module, GrayConv2d):
                module.weight[:, 1] = 0
        elif isinstance(module, nn.Linear):
            module.weight.normal_(0, 0.02, generator=generator)
        elif isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()  # draws nothing
        elif "weight" in own:  # layer norm
            own["weight"].fill_(1)
        if "bias" in own:
            own["bias"].zero_()
        if "layer_scale" in own:
            own["layer_scale"].fill_(1e-6)
    for module in network.modules():
        if isinstance(module, InvertedResidual):
            module.project.weight.zero_()
    network.head.conv.weight.mul_(0.01)
