"""Distributions over bins become colours: against the plain formula, in float64."""

import numpy as np
import pytest
import torch

from skcolorize.inference.decoding import PIECE, annealed_mean
from skcolorize.networks import ab_bins

BINS = torch.from_numpy(ab_bins())
TEMPERATURE = 0.3


def logits_of(height=4, width=PIECE // 4 + 1, spread=3.0):
    """Of more cells than are decoded at once."""
    logits = torch.randn(1, len(BINS), height, width, generator=torch.Generator().manual_seed(0))
    return (spread * logits).contiguous(memory_format=torch.channels_last)


def plainly(logits, offset=0.0):
    shares = torch.softmax((logits.double().movedim(1, -1) - offset) / TEMPERATURE, dim=-1)
    return (shares @ BINS.double()).movedim(-1, 1)


def close(ab, expected):
    # of logits near 1000 float32 has four digits behind the point
    np.testing.assert_allclose(ab.numpy(), expected.numpy(), atol=0.02)


@pytest.mark.parametrize("shift", [0, 20, -20, 1000, -1000])
@pytest.mark.parametrize("spread", [0.1, 3, 30])
def test_mean_of_a_sharpened_distribution(shift, spread):
    logits = logits_of(spread=spread)
    logits[..., 3:, 5:] += shift  # next to rows that stay where they are
    close(annealed_mean(logits, BINS, TEMPERATURE), plainly(logits))


def test_an_offset_is_taken_from_each_bin():
    logits, offset = logits_of(), torch.linspace(-3, 3, len(BINS))
    close(annealed_mean(logits, BINS, TEMPERATURE, offset), plainly(logits, offset))


def test_the_same_where_gradients_are_wanted():
    logits = logits_of()
    wanted = annealed_mean(logits.clone().requires_grad_(), BINS, TEMPERATURE)
    assert wanted.requires_grad
    close(wanted.detach(), annealed_mean(logits, BINS, TEMPERATURE))


def test_no_number_gives_no_colour():
    logits = logits_of()
    logits[0, 7, 1, 2] = torch.nan
    ab = annealed_mean(logits, BINS, TEMPERATURE)
    assert torch.isnan(ab[..., 1, 2]).all()
    assert torch.isfinite(ab[..., 0, :]).all()
