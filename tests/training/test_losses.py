import numpy as np
import pytest
import torch
from skimage.color import lab2rgb

from skcolorize.networks import LogLoss, ab_bins
from skcolorize.training.losses import ERROR_FLOOR, PhotoLoss


def test_the_loss_adds_the_error_of_each_photo():
    bins = ab_bins()
    target = torch.full((2, 2, 16, 16), 10.0)
    at = int(np.flatnonzero((bins == (10, 10)).all(1))[0])
    logits = torch.zeros(2, len(bins), 4, 4)
    logits[:, at] = 50.0
    outputs = {"logits": logits, "lightness": torch.zeros(2, 1, 16, 16)}  # L 50
    assert float(PhotoLoss(bins)(outputs, target)) == pytest.approx(0, abs=1e-4)
    off = {**outputs, "logits": logits.roll(1, 1)}
    only = float(LogLoss(bins)(off, target))
    colors = lab2rgb([[[50, *bins[at + 1]], [50, 10, 10]]])[0]
    expected = np.log1p(np.mean((colors[0] - colors[1]) ** 2) / ERROR_FLOOR)
    assert float(PhotoLoss(bins)(off, target)) - only == pytest.approx(expected, abs=1e-2)


def test_the_loss_teaches_to_lower_the_error():
    bins, torch_rng = ab_bins(), torch.Generator().manual_seed(0)
    logits = torch.randn(2, len(bins), 8, 8, generator=torch_rng).requires_grad_()
    lightness, target = torch.zeros(2, 1, 32, 32), torch.full((2, 2, 32, 32), 20.0)
    loss = PhotoLoss(bins)
    before = loss._log_error({"logits": logits, "lightness": lightness}, target)
    [slope] = torch.autograd.grad(before, logits)
    assert torch.isfinite(slope).all()
    after = loss._log_error({"logits": logits - 10 * slope, "lightness": lightness}, target)
    assert after < before
