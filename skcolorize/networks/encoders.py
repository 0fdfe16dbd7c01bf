"""Encoders: the convolutional part of torchvision's classifiers, fed with lightness alone."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from .depthwise import DepthwiseConv2d


@dataclass(frozen=True)
class Family:
    """What the registry knows of a family: how its names begin, and whether its last 1x1 convolution,
    which only widens the map for the classifier, is left out."""

    prefixes: tuple[str, ...]
    drop_last: bool = False


ENCODERS = {
    "vgg": Family(("vgg",)),
    "resnet": Family(("resnet", "resnext", "wide_resnet")),
    "mobilenet": Family(("mobilenet",), drop_last=True),
    "efficientnet": Family(("efficientnet",), drop_last=True),
    "convnext": Family(("convnext",)),
    "regnet": Family(("regnet",)),
    "densenet": Family(("densenet",)),
    "squeezenet": Family(("squeezenet",)),
}
CLASSIFIER = {"avgpool", "classifier", "fc"}


@cache
def encoder_names() -> tuple[str, ...]:
    """Names of all encoders, torchvision's own.

    Examples
    --------
    >>> "mobilenet_v2" in encoder_names()
    True
    """
    from torchvision import models

    prefixes = tuple(prefix for family in ENCODERS.values() for prefix in family.prefixes)
    return tuple(name for name in models.list_models(module=models) if name.startswith(prefixes))


def check_encoder(name: str) -> str:
    """Give `name` back, or raise a ValueError that lists near matches."""
    names = encoder_names()
    if name in names:
        return name
    near = difflib.get_close_matches(str(name).lower().replace("-", "_"), names, n=3, cutoff=0.5)
    hint = f"Did you mean {' or '.join(map(repr, near))}?" if near else f"Families: {', '.join(ENCODERS)}."
    raise ValueError(
        f"The 'encoder' parameter must be a convolutional classifier of torchvision. Got {name!r}. {hint}"
    )


class no_storage(TorchFunctionMode):
    """Parameters made inside have shapes, but no memory and no values, and nothing random is drawn.

    Unlike ``torch.device("meta")`` it leaves computed tensors alone, which RegNet's constructor reads back.
    """

    makers = frozenset({torch.empty, torch.ones, torch.zeros})  # what parameters and statistics start from
    draws = frozenset({torch.Tensor.normal_, torch.Tensor.uniform_})

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if func in self.draws:
            return args[0]
        if func in self.makers:
            kwargs["device"] = "meta"
        return func(*args, **kwargs)


def torchvision_model(name: str) -> nn.Module:
    """torchvision's classifier, without memory for its parameters: names and shapes only."""
    from torchvision import models

    with no_storage():
        return models.get_model(check_encoder(name), weights=None)


class GrayConv2d(nn.Conv2d):
    """A first convolution that takes lightness, and beside it a plane of ones.

    The plane carries the offset of the input's normalisation, so that the map is the one of the original
    convolution on gray RGB at the borders too, where the original pads with zeros *after* normalising.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(torch.cat([x, torch.ones_like(x)], 1))


class Encoder(nn.Module):
    """The feature maps of a torchvision classifier at its taps.

    Parameters
    ----------
    name : str
        One of :func:`encoder_names`.
    taps : list of str or None
        Names of the submodules whose outputs are given, in order; what comes after the last is left out.
        None: all of them.

    Notes
    -----
    Built without memory: :func:`~skcolorize.networks.initialise` or a state comes after. Submodules keep
    torchvision's names.
    """

    def __init__(self, name: str, taps: list[str] | None = None):
        super().__init__()
        from torchvision.ops import StochasticDepth

        for child, module in torchvision_model(name).named_children():
            if child not in CLASSIFIER:
                self.add_module(child, module)
        if name.startswith("densenet"):  # its forward has a ReLU there that is no module
            self.get_submodule("features").add_module("relu5", nn.ReLU(inplace=True))
        for path, module in list(self.named_modules()):
            if isinstance(module, StochasticDepth):
                replace_module(self, path, nn.Identity())
            elif isinstance(module, nn.Conv2d) and module.in_channels == 3:
                replace_module(self, path, _like(module, GrayConv2d, in_channels=2))
            elif _is_slow_depthwise(module):
                replace_module(self, path, _like(module, DepthwiseConv2d))
        self.steps = list(_steps(self))
        if any(name.startswith(family.prefixes) and family.drop_last for family in ENCODERS.values()):
            self._cut(self.steps[-2])
        self.taps = self.steps if taps is None else list(taps)
        self._cut(self.taps[-1])

    def _cut(self, last: str) -> None:
        """Leave out what comes after the step `last`."""
        end = self.steps.index(last) + 1
        for step in self.steps[end:]:
            parent, _, leaf = step.rpartition(".")
            delattr(self.get_submodule(parent), leaf)
        self.steps = self.steps[:end]

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        maps = []
        for step in self.steps:
            x = self.get_submodule(step)(x)
            if step in self.taps:
                maps.append(x)
        return tuple(maps)


@cache
def describe_encoder(name: str) -> tuple[tuple[str, int, int], ...]:
    """(tap, channels, stride) for the deepest map before each change of stride, from stride 4 on.

    Examples
    --------
    >>> describe_encoder("mobilenet_v2")[0]
    ('features.3', 24, 4)
    """
    encoder = Encoder(name).eval()
    side = 256
    with torch.no_grad():  # shapes only: nothing is computed
        maps = encoder(torch.empty(1, 1, side, side, device="meta"))
    deepest = {}
    for step, m in zip(encoder.steps, maps, strict=True):
        # SqueezeNet's maps are a pixel or two short of a power of two
        stride = 2 ** ((side // m.shape[-1]).bit_length() - 1)
        deepest[stride] = (step, m.shape[1], stride)
    return tuple(tap for stride, tap in deepest.items() if stride >= 4)


def _steps(module: nn.Module, path: str = ""):
    """Paths of the submodules that run one after the other: all plain sequences opened up to their blocks."""
    from torchvision.ops.misc import ConvNormActivation

    for name, child in module.named_children():
        if isinstance(child, nn.Sequential) and not isinstance(child, ConvNormActivation):
            yield from _steps(child, f"{path}{name}.")
        else:
            yield path + name


def replace_module(root: nn.Module, path: str, new: nn.Module) -> None:
    parent, _, leaf = path.rpartition(".")
    setattr(root.get_submodule(parent), leaf, new)


def _is_slow_depthwise(module: nn.Module) -> bool:
    """Whether gradients in bfloat16 would be slow; of stride 1 and 3 x 3 they are faster as they are."""
    if not isinstance(module, nn.Conv2d) or not 1 < module.groups == module.in_channels:
        return False
    return module.stride != (1, 1) or max(module.kernel_size) > 3


def _like(conv: nn.Conv2d, kind: Callable[..., nn.Conv2d], in_channels: int | None = None) -> nn.Conv2d:
    """A convolution of another class, with `conv`'s settings."""
    return kind(
        in_channels or conv.in_channels,
        conv.out_channels,
        conv.kernel_size,
        conv.stride,
        conv.padding,
        conv.dilation,
        conv.groups,
        conv.bias is not None,
        device="meta",
    )
