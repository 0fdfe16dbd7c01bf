"""sRGB and CIELAB on tensors, on any device: what training and validation need of :mod:`skcolorize.color`."""

from __future__ import annotations

from functools import cache

import torch

# Scikit-image's constants (D65, 2 degree observer); XYZ over the white point.
_XYZ_FROM_RGB = torch.tensor(
    [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]],
    dtype=torch.float64,
) / torch.tensor([[0.95047], [1.0], [1.08883]], dtype=torch.float64)
_RGB_FROM_XYZ = _XYZ_FROM_RGB.inverse()
_LAB_FROM_ROOTS = torch.tensor([[0, 116 / 50, 0], [500, -500, 0], [0, 200, -200]], dtype=torch.float64)
_KNEE = 6 / 29  # below it the root is a straight line


def rgb_to_lab(rgb: torch.Tensor, exposure: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    """Lightness and colour of sRGB images.

    Parameters
    ----------
    rgb : tensor of shape (N, 3, H, W) or (N, H, W, 3)
        uint8, or float in 0..1. Three rows of pixels or channels last: the second axis is looked at first.
    exposure : tensor of shape (N,) or None, default=None
        How many times the light of each image there shall have been; what is too bright then is cut off.

    Returns
    -------
    lightness : tensor of shape (N, 1, H, W)
        Scaled: L / 50 - 1. float32 for uint8 images, else of the images' dtype.
    ab : tensor of shape (N, 2, H, W)
        Lab units.

    Examples
    --------
    >>> lightness, ab = rgb_to_lab(torch.full((1, 3, 2, 2), 255, dtype=torch.uint8))
    >>> round(lightness[0, 0, 0, 0].item(), 3)
    1.0
    """
    if rgb.shape[1] != 3:
        rgb = rgb.movedim(-1, 1)
    if rgb.dtype == torch.uint8:
        linear = _linear_levels(rgb.device).index_select(0, rgb.flatten().int())
    else:
        linear = _linear(rgb)
    linear = linear.reshape(len(rgb), 3, -1)
    if exposure is not None:
        linear = (linear * exposure[:, None, None]).clamp_max_(1)
    xyz = _there(_XYZ_FROM_RGB, linear.device, linear.dtype) @ linear
    # f(t) + 2/29: the cube root of what lies above the knee, the straight line of what lies below
    root = xyz.clamp_min(_KNEE**3).log_().mul_(1 / 3).exp_()
    root.add_(xyz.clamp_max_(_KNEE**3), alpha=1 / (3 * _KNEE**2))
    lab = (_there(_LAB_FROM_ROOTS, root.device, root.dtype) @ root).view(rgb.shape)
    return lab[:, :1].sub_(1 + (16 + 116 * 2 / 29) / 50), lab[:, 1:]


def lab_to_rgb(lightness: torch.Tensor, ab: torch.Tensor) -> torch.Tensor:
    """sRGB images of lightness and colour, clipped to 0..1 channel by channel.

    Parameters
    ----------
    lightness : float tensor of shape (N, 1, H, W)
        Scaled: L / 50 - 1.
    ab : float tensor of shape (N, 2, H, W)
        Lab units.

    Returns
    -------
    rgb : float tensor of shape (N, 3, H, W)
        In 0..1.

    Examples
    --------
    >>> lab_to_rgb(torch.ones(1, 1, 1, 1), torch.zeros(1, 2, 1, 1)).flatten().round(decimals=3)
    tensor([1., 1., 1.])
    """
    y = (lightness[:, 0] + (1 + 16 / 50)) * (50 / 116)
    root = torch.stack([y + ab[:, 0] / 500, y, (y - ab[:, 1] / 200).clamp_min(0)], 1)
    bright = root.clamp_min(_KNEE)
    xyz = bright * bright * bright + (root.clamp_max(_KNEE) - _KNEE) * (3 * _KNEE**2)
    linear = (_there(_RGB_FROM_XYZ, xyz.device, xyz.dtype) @ xyz.flatten(2)).view(root.shape).clamp(0, 1)
    # nothing in place: the recipe's loss is taken through this
    rgb = linear.clamp_min(0.0031308).log().mul(1 / 2.4).exp().mul(1.055) - 0.055
    return (rgb + 12.92 * (linear.clamp_max(0.0031308) - 0.0031308)).clamp(0, 1)


@cache
def _linear_levels(device: torch.device) -> torch.Tensor:
    return _linear(torch.arange(256, dtype=torch.float64) / 255).float().to(device)


@cache
def _there(matrix: torch.Tensor, device: torch.device, dtype: torch.dtype) -> torch.Tensor:
    """One of the matrices where it is needed: sent to a GPU once, not at each call."""
    with torch.inference_mode(False):  # what is kept may serve a loss next time
        return matrix.to(device, dtype)


def _linear(values: torch.Tensor) -> torch.Tensor:
    bright = ((values.clamp_min(0.04045) + 0.055) / 1.055) ** 2.4
    return bright + (values.clamp_max(0.04045) - 0.04045) / 12.92
