"""Bins, soft targets and losses."""

import hashlib

import numpy as np
import pytest
import torch

from skcolorize.networks import LogLoss, SquaredError, ab_bins, build_network, network_config
from skcolorize.networks.lab import rgb_to_lab

BINS = ab_bins()


def colours(n=2000, seed=0):
    """ab of random sRGB colours, (n, 2)."""
    generator = torch.Generator().manual_seed(seed)
    rgb = torch.rand(1, 3, n, 1, generator=generator).pow(0.3)
    rgb[:, :, ::2] = (rgb[:, :, ::2] - 0.5).sign().clamp_min(0)  # the cube's corners as well
    return rgb_to_lab(rgb)[1][0, :, :, 0].T


def test_the_bins_are_those_of_stored_weights():
    """Networks already trained have these logits in this order."""
    assert BINS.shape == (305, 2)
    assert BINS.dtype == np.float32
    assert BINS[0].tolist() == [-90, 50]
    assert BINS[-1].tolist() == [100, -20]
    assert [0, 0] in BINS.tolist()
    assert np.array_equal(BINS, BINS[np.lexsort((BINS[:, 1], BINS[:, 0]))])
    digest = hashlib.sha256(BINS.astype("<i2").tobytes()).hexdigest()
    assert digest[:16] == "a0153260f37ac541"
    ab_bins()[:] = 0  # a copy each time
    np.testing.assert_array_equal(ab_bins(), BINS)


def test_soft_targets_give_the_colour_back():
    ab = colours()
    indices, weights = LogLoss().soft_targets(ab)
    assert indices.shape == weights.shape == (len(ab), 4)
    assert weights.min() >= 0
    torch.testing.assert_close(weights.sum(1), torch.ones(len(ab)))
    mean = (torch.from_numpy(BINS)[indices] * weights[..., None]).sum(1)
    inside = (mean - ab).abs().amax(1) < 1e-3
    assert inside.float().mean() > 0.99
    assert (mean - ab).abs().max() <= 10


def test_soft_targets_on_a_bin_between_bins_and_outside():
    loss = LogLoss()

    def spread(a, b):
        indices, weights = loss.soft_targets(torch.tensor([[a, b]], dtype=torch.float32))
        pairs = zip(indices[0].tolist(), weights[0].tolist(), strict=True)
        found = {}
        for i, w in pairs:
            if w:
                key = tuple(BINS[i].tolist())
                found[key] = found.get(key, 0) + w
        return {key: round(w, 4) for key, w in found.items()}

    assert spread(10, -20) == {(10, -20): 1}
    assert spread(12.5, 4) == {(10, 0): 0.45, (20, 0): 0.15, (10, 10): 0.3, (20, 10): 0.1}
    # the corner (-90, 40) is no bin: its share goes to the three others in proportion
    assert spread(-85, 45) == {(-90, 50): 0.3333, (-80, 40): 0.3333, (-80, 50): 0.3333}
    assert spread(100, -20) == {(100, -20): 1}
    assert spread(500, -25) == {(100, -30): 0.5, (100, -20): 0.5}
    assert spread(-200, -200) == {(-50, -30): 1}


def test_log_loss_is_the_cross_entropy_with_dense_targets():
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(2, 305, 6, 5, generator=generator, requires_grad=True)
    ab = colours(2 * 24 * 20).reshape(2, 24, 20, 2).movedim(-1, 1)
    loss = LogLoss()
    value = loss({"logits": logits}, ab)

    small = ab.reshape(2, 2, 6, 4, 5, 4).mean((3, 5))
    indices, weights = loss.soft_targets(small.movedim(1, -1).reshape(-1, 2))
    dense = torch.zeros(60, 305).scatter_add_(1, indices, weights)
    flat = logits.movedim(1, -1).reshape(60, 305)
    expected = torch.nn.functional.cross_entropy(flat, dense)
    torch.testing.assert_close(value, expected)
    got, wanted = torch.autograd.grad(value, logits)[0], torch.autograd.grad(expected, logits)[0]
    torch.testing.assert_close(got, wanted)


@pytest.mark.parametrize("rows", [slice(0, None, 2), slice(1, None, 2), slice(2, None, 3)])
@pytest.mark.parametrize("decoder", ["unet", "plain"])
def test_logits_of_some_rows_are_those_of_the_whole_map(decoder, rows):
    network = build_network(network_config("squeezenet1_1", decoder), 0)
    x = torch.rand(2, 1, 96, 64, generator=torch.Generator().manual_seed(1)) * 2 - 1
    whole, part = network(x)["logits"], network(x, rows)["logits"]
    assert whole.shape == (2, 305, 24, 16)
    torch.testing.assert_close(part, whole[:, :, rows])
    ab = colours(2 * 96 * 64).reshape(2, 96, 64, 2).movedim(-1, 1)
    loss, small = LogLoss(), ab.unflatten(2, (24, 4)).unflatten(-1, (16, 4)).mean((3, 5))
    expected = loss({"logits": whole[:, :, rows]}, small[:, :, rows])
    torch.testing.assert_close(loss({"logits": part}, ab, rows), expected)
    torch.testing.assert_close(loss({"logits": part}, small, rows), expected)  # as cached features give it
    weights = list(network.parameters())
    got, wanted = (torch.autograd.grad(v, weights) for v in (loss({"logits": part}, ab, rows), expected))
    torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("size", [(16, 16), (64, 64), (7, 5)])
def test_squared_error_is_of_ab_over_128(size):
    target = torch.full((1, 2, 64, 64), 64.0)
    outputs = {"ab": torch.full((1, 2, *size), 0.25)}
    assert SquaredError()(outputs, target).item() == pytest.approx(0.0625)


def test_losses_do_not_touch_the_global_generator():
    before = torch.random.get_rng_state()
    ab = torch.zeros(1, 2, 16, 16)
    LogLoss()({"logits": torch.zeros(1, 305, 2, 4)}, ab, slice(1, None, 2))
    SquaredError()({"ab": torch.zeros(1, 2, 4, 4)}, ab)
    assert torch.equal(before, torch.random.get_rng_state())
