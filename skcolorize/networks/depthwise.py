"""Depthwise convolutions, whose training in bfloat16 on a CPU would be slow."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F


class DepthwiseConv2d(nn.Conv2d):
    """A depthwise convolution whose gradients are computed in float32 where bfloat16 would be slow.

    On a CPU oneDNN has no fast backward pass in bfloat16 with a stride, or with a kernel of more than 3 x 3.
    Forwards, and between layers, all stays in bfloat16.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        trains = torch.is_grad_enabled() and (x.requires_grad or self.weight.requires_grad)
        if not (trains and x.device.type == "cpu" and _is_bfloat16(x)):
            return super().forward(x)
        settings = self.stride, self.padding, self.dilation
        return _Depthwise.apply(x.bfloat16(), self.weight, self.bias, *settings)


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight, bias, stride, padding, dilation):
        ctx.save_for_backward(x, weight)
        ctx.settings = stride, padding, dilation
        bias = None if bias is None else bias.to(x.dtype)
        return F.conv2d(x, weight.to(x.dtype), bias, stride, padding, dilation, x.shape[1])

    @staticmethod
    def backward(ctx, gradient):
        x, weight = ctx.saved_tensors
        wanted = ctx.needs_input_grad[:3]
        to_input, to_weight, to_bias = torch.ops.aten.convolution_backward(
            gradient.float(), x.float(), weight.float(), [weight.shape[0]], *ctx.settings, False, [0, 0],
            x.shape[1], wanted,
        )  # fmt: skip
        if to_input is not None:
            to_input = to_input.to(x.dtype)
        return to_input, to_weight, to_bias, None, None, None


def _is_bfloat16(x: torch.Tensor) -> bool:
    if torch.is_autocast_enabled("cpu"):
        return torch.get_autocast_dtype("cpu") == torch.bfloat16
    return x.dtype == torch.bfloat16
