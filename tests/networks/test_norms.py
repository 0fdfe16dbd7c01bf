"""Folded norms compute what unfolded ones do, in every family; strided depthwise training is not changed."""

import pytest
import torch
from networks._models import OTHERS, SMALLEST, fill
from torch import nn
from torch.nn import functional as F

from skcolorize.networks import build_network, fold_batch_norm, fold_encoder_norms_, freeze, network_config
from skcolorize.networks.depthwise import DepthwiseConv2d
from skcolorize.networks.state import load_state, network_state

X = torch.rand(2, 1, 32, 64, generator=torch.Generator().manual_seed(3)) * 2 - 1
#: norms that a ReLU and a convolution follow, and no convolution precedes
UNFOLDABLE = {"densenet121": 58 + 3 + 1}


def norms(module):
    return [m for m in module.modules() if isinstance(m, nn.BatchNorm2d)]


def network_of(name, decoder="unet", loss="log_loss"):
    return fill(build_network(network_config(name, decoder, loss), None)).eval()


def assert_same(got, expected):
    for key in expected:
        scale = expected[key].abs().max().item()
        torch.testing.assert_close(got[key], expected[key], rtol=1e-4, atol=1e-4 * scale)


@pytest.mark.parametrize("name", [*SMALLEST.values(), *OTHERS])
def test_folding_for_inference(name):
    network = network_of(name)
    before = network_state(network)
    network.train()
    folded = fold_batch_norm(network)
    assert network.training
    assert not folded.training
    assert len(norms(folded)) == UNFOLDABLE.get(name, 0)
    assert not any(p.requires_grad for p in folded.parameters())
    assert all((value == before[key]).all() for key, value in network_state(network).items())
    with torch.no_grad():
        assert_same(folded(X), network.eval()(X))


@pytest.mark.parametrize("name", [*SMALLEST.values(), *OTHERS])
def test_folding_the_encoder_for_training(name):
    network = network_of(name)
    with torch.no_grad():
        expected = network(X)
    fold_encoder_norms_(network)
    assert network.config["encoder_norms"] == "folded"
    with torch.no_grad():
        assert_same(network(X), expected)

    network.train()
    assert not any(m.training for m in norms(network.encoder))
    assert all(m.training for m in norms(network.decoder))
    network(X)["logits"].square().mean().backward()
    assert all(p.grad is not None for p in network.parameters())

    again = build_network(network.config, 0).eval()
    load_state(again, network_state(network.eval()))
    with torch.no_grad():
        torch.testing.assert_close(again(X)["logits"], network(X)["logits"], rtol=0, atol=0)
        assert_same(fold_batch_norm(network)(X), network(X))


def test_folding_twice_and_with_frozen_blocks():
    network = network_of("mobilenet_v2")
    freeze(network, 4)
    fold_encoder_norms_(network)
    state = network_state(network)
    fold_encoder_norms_(network)
    assert all((value == state[key]).all() for key, value in network_state(network).items())
    frozen = [n for n, p in network.encoder.named_parameters() if not p.requires_grad]
    assert "features.0.0.bias" in frozen
    assert "features.4.conv.0.0.bias" not in frozen


@pytest.mark.parametrize(
    ("kernel", "stride", "size"),
    [(3, 2, (10, 12)), (5, 2, (9, 13)), (5, 1, (4, 6)), (4, 1, (9, 9)), (7, 2, (9, 8))],
)
def test_depthwise_in_bfloat16_gives_the_same_numbers(kernel, stride, size):
    generator = torch.Generator().manual_seed(0)
    conv = fill(DepthwiseConv2d(8, 8, kernel, stride, kernel // 2, groups=8))
    x = torch.randn(2, 8, *size, generator=generator).bfloat16().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        ours = conv(x)
        plain = F.conv2d(x, conv.weight, conv.bias, stride, kernel // 2, 1, 8)
    assert "_Depthwise" in ours.grad_fn.name()
    learned = [x, conv.weight, conv.bias]
    grads = [torch.autograd.grad(y.float().square().sum(), learned) for y in (ours, plain)]
    assert ours.shape == plain.shape
    torch.testing.assert_close(ours, plain, rtol=0.02, atol=0.02)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert conv(x).grad_fn is None
    for a, b in zip(*grads, strict=True):
        assert a.shape == b.shape
        torch.testing.assert_close(a.float(), b.float(), rtol=0.05, atol=0.02 * b.abs().max().item())


def test_strided_depthwise_convolutions_are_found():
    strided = [m for m in network_of("mobilenet_v2").encoder.modules() if isinstance(m, DepthwiseConv2d)]
    assert len(strided) == 4
