"""Some rows of a map, in the layout that convolutions want, forwards and backwards."""

from __future__ import annotations

import torch


class _Rows(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: torch.Tensor, rows: slice) -> torch.Tensor:
        ctx.shape, ctx.rows = x.shape, rows
        return x[:, :, rows].clone(memory_format=torch.channels_last)  # a view must not be changed in place

    @staticmethod
    def backward(ctx, gradient):
        like = {"dtype": gradient.dtype, "device": gradient.device}
        whole = torch.empty(ctx.shape, memory_format=torch.channels_last, **like).zero_()
        whole[:, :, ctx.rows] = gradient
        return whole, None


def some_rows(x: torch.Tensor, rows: slice) -> torch.Tensor:
    """``x[:, :, rows]``, of a map (N, C, H, W) that lies channels last in memory.

    PyTorch's own gradient of a slice lies channels first: every layer before it would turn its maps round.

    Examples
    --------
    >>> x = torch.zeros(2, 3, 8, 8).contiguous(memory_format=torch.channels_last).requires_grad_()
    >>> some_rows(x, slice(1, None, 2)).shape
    torch.Size([2, 3, 4, 8])
    """
    return _Rows.apply(x, rows)
