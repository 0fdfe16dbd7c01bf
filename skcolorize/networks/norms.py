"""Batch norm with fixed statistics, folded into the convolution before it."""

from __future__ import annotations

import copy
from itertools import pairwise

import torch
from torch import nn


def fold_batch_norm(network: nn.Module) -> nn.Module:
    """A copy of `network` for inference: in eval mode, without gradients, batch norms folded, channels last.

    DenseNet's norms that come before a ReLU and a convolution can't be folded and stay.

    Examples
    --------
    >>> folded = fold_batch_norm(nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)))
    >>> folded[1]
    Identity()
    """
    folded = copy.deepcopy(network).requires_grad_(False).eval()
    _fold_(folded)
    return folded.to(memory_format=torch.channels_last)


def fold_encoder_norms_(network) -> None:
    """Fold the encoder's batch norms in place and note it in ``network.config``.

    For training with fixed statistics: the folded convolutions go on learning, norms that can't be folded
    keep their statistics in training mode too.
    """
    _fold_(network.encoder)
    network.config["encoder_norms"] = "folded"
    network.train(network.training)


@torch.no_grad()
def _fold_(root: nn.Module) -> None:
    """Fold each batch norm that is registered right behind a convolution.

    In all families of the registry such neighbours are also called one after the other.
    """
    for parent in list(root.modules()):
        for (_, conv), (name, norm) in pairwise(list(parent.named_children())):
            if not (isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)):
                continue
            mean, variance = norm.running_mean, norm.running_var
            assert mean is not None and variance is not None  # all of torchvision's keep statistics
            trains = conv.weight.requires_grad
            scale = norm.weight * (variance + norm.eps).rsqrt()
            bias = norm.bias - mean * scale
            conv.bias = nn.Parameter(bias if conv.bias is None else bias + conv.bias * scale, trains)
            conv.weight = nn.Parameter(conv.weight * scale[:, None, None, None], trains)
            setattr(parent, name, nn.Identity())
