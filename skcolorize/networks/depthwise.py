"""Depthwise convolutions, whose training in bfloat16 on a CPU would be slow."""

from __future__ import annotations

from itertools import product

import torch
from torch import nn
from torch.nn import functional as F


class DepthwiseConv2d(nn.Conv2d):
    """A depthwise convolution whose gradients in bfloat16 go the ways for which oneDNN has fast kernels.

    It has none with a stride for the gradient of the input: that is computed in float32. It has none for the
    gradient of more than 3 x 3 weights: they are computed 3 x 3 at a time.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        trains = torch.is_grad_enabled() and (x.requires_grad or self.weight.requires_grad)
        plain = self.dilation == (1, 1) and min(self.kernel_size) >= 3
        if not (trains and plain and x.device.type == "cpu" and _is_bfloat16(x)):
            return super().forward(x)
        return _Depthwise.apply(x.bfloat16(), self.weight, self.bias, self.stride, self.padding)


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight, bias, stride, padding):
        ctx.save_for_backward(x, weight)
        ctx.settings = stride, padding
        bias = None if bias is None else bias.to(x.dtype)
        return F.conv2d(x, weight.to(x.dtype), bias, stride, padding, 1, x.shape[1])

    @staticmethod
    def backward(ctx, gradient):
        x, weight = ctx.saved_tensors
        stride, padding = ctx.settings
        to_input = to_weight = to_bias = None
        if ctx.needs_input_grad[0]:
            dtype = gradient.dtype if stride == (1, 1) else torch.float32
            alike = torch.empty_like(x, dtype=dtype)  # only its shape counts, but PyTorch asks for one dtype
            to_input, _ = _gradients(
                gradient.to(dtype), alike, weight.to(dtype), stride, padding, (True, False)
            )
            to_input = to_input.to(x.dtype)
        if ctx.needs_input_grad[1]:
            to_weight = _weight_gradient(gradient, x, weight, stride, padding)
        if ctx.needs_input_grad[2]:
            to_bias = gradient.sum((0, 2, 3))
        return to_input, to_weight, to_bias, None, None


def _weight_gradient(gradient, x, weight, stride, padding) -> torch.Tensor:
    """Of each 3 x 3 of the weights: that of a 3 x 3 convolution of a part of `x`."""
    kernel = weight.shape[2:]
    if kernel == (3, 3):
        return _gradients(gradient, x, weight.to(x.dtype), stride, padding, (False, True))[1]
    result = torch.empty_like(weight, dtype=x.dtype)
    piece = result[:, :, :3, :3]
    padded = F.pad(x, (padding[1], padding[1], padding[0], padding[0]))
    height, width = ((n - 1) * s + 3 for n, s in zip(gradient.shape[2:], stride, strict=True))
    for top, left in product(*(_starts(size) for size in kernel)):
        part = padded[:, :, top : top + height, left : left + width]
        part = part.contiguous(memory_format=torch.channels_last)
        _, of_part = _gradients(gradient, part, piece, stride, (0, 0), (False, True))
        result[:, :, top : top + 3, left : left + 3] = of_part
    return result


def _starts(size: int) -> list[int]:
    """Where pieces of three start that cover `size`."""
    return [*range(0, size - 3, 3), size - 3]


def _gradients(gradient, x, weight, stride, padding, wanted) -> tuple[torch.Tensor, torch.Tensor]:
    to_input, to_weight, _ = torch.ops.aten.convolution_backward(
        gradient, x, weight, None, stride, padding, (1, 1), False, (0, 0), x.shape[1], (*wanted, False)
    )
    return to_input, to_weight


def _is_bfloat16(x: torch.Tensor) -> bool:
    if torch.is_autocast_enabled("cpu"):
        return torch.get_autocast_dtype("cpu") == torch.bfloat16
    return x.dtype == torch.bfloat16
