"""Heads, the bins of the ab plane, and the losses."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from .lab import rgb_to_lab
from .rows import some_rows

GRID = 10.0  # side of a cell of the ab plane, Lab units
ALL_ROWS = slice(None)


@cache
def _bins() -> np.ndarray:
    levels = torch.linspace(0, 1, 33, dtype=torch.float64)
    cube = torch.stack(torch.meshgrid(levels, levels, levels, indexing="ij")).reshape(1, 3, -1, 1)
    ab = rgb_to_lab(cube)[1][0, :, :, 0].T.numpy()
    cells = np.unique(np.floor(ab / GRID).astype(int), axis=0)
    corners = (cells[:, None] + [(0, 0), (0, 1), (1, 0), (1, 1)]).reshape(-1, 2)
    return (np.unique(corners, axis=0) * GRID).astype(np.float32)


def ab_bins() -> np.ndarray:
    """Centres of the bins of the ab plane that the log loss is taken over.

    A grid of 10 Lab units; a point belongs to it where one of the cells it is a corner of holds a colour of
    the 33 x 33 x 33 cube of sRGB.

    Returns
    -------
    bins : ndarray of shape (305, 2), float32
        a and b in Lab units, sorted by a, then by b.

    Examples
    --------
    >>> ab_bins()[0]
    array([-90.,  50.], dtype=float32)
    """
    return _bins().copy()


class BinsHead(nn.Module):
    """Logits over the bins at stride 4; of some rows alone where only those are learned from."""

    stride = 4

    def __init__(self, channels: int, n_bins: int, kernel: int):
        super().__init__()
        self.conv = nn.Conv2d(channels, n_bins, kernel, padding=kernel // 2)

    def forward(self, x: torch.Tensor, rows: slice = ALL_ROWS) -> dict[str, torch.Tensor]:
        if rows == ALL_ROWS:
            return {"logits": self.conv(x)}
        first, _, step = rows.indices(x.shape[-2])
        weight, bias, pad = self.conv.weight, self.conv.bias, self.conv.kernel_size[0] // 2
        if not pad:
            return {"logits": F.conv2d(some_rows(x, slice(first, None, step)), weight, bias)}
        x = F.pad(x, (pad, pad, pad - first, pad))
        return {"logits": F.conv2d(x, weight, bias, (step, 1))}


class AbHead(nn.Module):
    """ab / 128 at stride 4, of all rows: two channels cost nothing."""

    stride = 4

    def __init__(self, channels: int):
        super().__init__()
        self.conv = nn.Conv2d(channels, 2, 1)

    def forward(self, x: torch.Tensor, rows: slice = ALL_ROWS) -> dict[str, torch.Tensor]:
        return {"ab": self.conv(x)}


class PlainAbHead(nn.Module):
    """ab / 128 through tanh at full size, upsampled from stride 2 by nearest neighbours; of all rows."""

    stride = 2

    def __init__(self, channels: int):
        super().__init__()
        self.conv = nn.Conv2d(channels, 2, 3, padding=1)

    def forward(self, x: torch.Tensor, rows: slice = ALL_ROWS) -> dict[str, torch.Tensor]:
        return {"ab": F.interpolate(self.conv(x).tanh(), scale_factor=2, mode="nearest")}


def set_prior(network, prior: np.ndarray) -> None:
    """Let a bins head start from the logarithm of `prior`, shape (n_bins,), a share for each bin."""
    shares = torch.as_tensor(prior, dtype=torch.float32)
    shares = 0.99 * shares / shares.sum() + 0.01 / len(shares)
    with torch.no_grad():
        network.head.conv.bias.copy_(shares.log())


class LogLoss(nn.Module):
    """Cross-entropy between logits over bins and the true colour, spread over the corners of its cell.

    Parameters
    ----------
    bins : ndarray of shape (n_bins, 2)
        Grid points in Lab units, as :func:`ab_bins` gives them.

    References
    ----------
    R. Zhang, P. Isola, A. A. Efros. Colorful image colorization. ECCV 2016.

    Examples
    --------
    >>> loss, gray = LogLoss(), torch.zeros(1, 2, 16, 16)
    >>> round(loss({"logits": torch.zeros(1, 305, 4, 4)}, gray).item(), 3)  # log 305
    5.72
    """

    nearest: torch.Tensor
    is_bin: torch.Tensor

    def __init__(self, bins: np.ndarray | None = None):
        super().__init__()
        bins = ab_bins() if bins is None else np.asarray(bins, np.float32)
        grid = np.rint(bins / GRID).astype(int)
        low, high = grid.min(0), grid.max(0) + 1  # one more row, so that the last bins have a cell as well
        points = np.stack(np.meshgrid(*map(np.arange, low, high + 1), indexing="ij"), -1)
        distance = ((points[:, :, None] - grid) ** 2).sum(-1)
        self.low, self.width = tuple(map(int, low)), points.shape[1]
        self.cells = tuple(int(n) - 2 for n in points.shape[:2])
        # for each point of the rectangle: the nearest bin, and whether the point is one itself
        nearest, is_bin = distance.argmin(-1).ravel(), (distance.min(-1) == 0).ravel()
        self.register_buffer("nearest", torch.from_numpy(nearest), persistent=False)
        self.register_buffer("is_bin", torch.from_numpy(is_bin).float(), persistent=False)

    def soft_targets(self, ab: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Four bins and their weights for each colour.

        Bilinear weights on the corners of the cell; corners that are no bins are left out and the others
        raised to a sum of 1. A colour with no bin around it counts for the bins nearest to the corners.

        Parameters
        ----------
        ab : tensor of shape (n, 2)
            Lab units.

        Returns
        -------
        indices : int64 tensor of shape (n, 4)
        weights : float32 tensor of shape (n, 4)
        """
        place = ab.float() / GRID
        position = [(place[:, i] - self.low[i]).clamp(0, self.cells[i] + 0.999) for i in (0, 1)]
        cell = [p.floor() for p in position]
        (fa, fb), (ia, ib) = [p - c for p, c in zip(position, cell, strict=True)], [c.long() for c in cell]
        corner = ia * self.width + ib
        corners = torch.stack([corner, corner + 1, corner + self.width, corner + self.width + 1], 1)
        bilinear = torch.stack([(1 - fa) * (1 - fb), (1 - fa) * fb, fa * (1 - fb), fa * fb], 1)
        weights = bilinear * self.is_bin[corners]
        total = weights.sum(1, keepdim=True)
        weights = torch.where(total > 1e-4, weights / total.clamp_min(1e-4), bilinear)
        return self.nearest[corners], weights

    def forward(self, outputs: dict[str, torch.Tensor], target_ab: torch.Tensor, rows: slice = ALL_ROWS):
        """Loss of a network's outputs for the true ab, (N, 2, H, W), Lab units, averaged over each cell.

        `rows` are those of the map that the outputs hold. The softmax over bins is bound by memory, and
        half of the cells are enough: a step learns from every second row.
        """
        logits = outputs["logits"]
        target = at_cells(target_ab, logits.shape[-2:], rows).movedim(1, -1).flatten(0, 2)
        indices, weights = self.soft_targets(target)
        shares = F.log_softmax(logits.movedim(1, -1).flatten(0, 2), 1, dtype=torch.float32)
        return -(shares.gather(1, indices) * weights).sum() / len(shares)


class SquaredError(nn.Module):
    """Mean squared error of ab / 128: ``loss(outputs, target_ab)``, the target as in :class:`LogLoss`."""

    def forward(self, outputs: dict[str, torch.Tensor], target_ab: torch.Tensor, rows: slice = ALL_ROWS):
        ab = outputs["ab"]
        return F.mse_loss(ab.float(), reduce_to(target_ab, ab.shape[-2:]) / 128)


def at_cells(maps: torch.Tensor, size: tuple[int, ...], rows: slice = ALL_ROWS) -> torch.Tensor:
    """Mean of `maps`, (N, C, H, W), over the cells of a map of `size`, which holds `rows` of a whole one."""
    if rows == ALL_ROWS:
        return reduce_to(maps, size)
    return reduce_to(maps, (size[1] * maps.shape[-2] // maps.shape[-1], size[1]))[:, :, rows]


def reduce_to(ab: torch.Tensor, size: tuple[int, ...]) -> torch.Tensor:
    """Mean of `ab`, (N, 2, H, W), over the cells of a map of the given size."""
    if tuple(ab.shape[-2:]) == tuple(size):
        return ab
    if ab.shape[-2] == 4 * size[0] and ab.shape[-1] == 4 * size[1]:
        return F.avg_pool2d(ab, 4)
    return F.interpolate(ab, size=tuple(size), mode="area")
