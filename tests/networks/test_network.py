"""Decoders, heads and configurations."""

import hashlib
import json

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from skcolorize.networks import LogLoss, build_network, fold_encoder_norms_, network_config, set_prior
from skcolorize.networks.rows import some_rows

DEFAULT = {
    "encoder": "mobilenet_v2",
    "encoder_norms": "batch",
    "taps": ["features.3", "features.6", "features.13", "features.17"],
    "channels": [24, 32, 96, 320],
    "strides": [4, 8, 16, 32],
    "decoder": "unet",
    "widths": [160, 160, 112, 80],
    "residuals": [3, 3],
    "loss": "log_loss",
    "n_bins": 305,
}


def light(*size, n=2):
    return torch.rand(n, 1, *size, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.mark.parametrize("size", [(32, 32), (64, 32), (96, 160)])
@pytest.mark.parametrize("encoder", ["mobilenet_v2", "squeezenet1_1", "squeezenet1_0", "vgg11"])
@pytest.mark.parametrize(
    ("decoder", "loss", "key", "channels", "stride"),
    [
        ("unet", "log_loss", "logits", 305, 4),
        ("unet", "squared_error", "ab", 2, 4),
        ("plain", "log_loss", "logits", 305, 4),
        ("plain", "squared_error", "ab", 2, 1),
    ],
)
def test_shapes(encoder, decoder, loss, key, channels, stride, size):
    network = build_network(network_config(encoder, decoder, loss), 0).eval()
    with torch.no_grad():
        outputs = network(light(*size))
        parts = network.decode(network.encode(light(*size)))
    assert list(outputs) == [key]
    assert outputs[key].shape == (2, channels, size[0] // stride, size[1] // stride)
    assert torch.equal(parts[key], outputs[key])


def test_a_stored_configuration_builds_the_same_network_for_ever():
    """Neither a default nor a name of a weight may change under saved models."""
    assert network_config() == DEFAULT
    network = build_network(json.loads(json.dumps(DEFAULT)), None)
    names = [f"{name} {tuple(t.shape)}" for name, t in network.state_dict().items()]
    assert hashlib.sha256("\n".join(sorted(names)).encode()).hexdigest()[:16] == "49a2945c4ec6e25f"


def test_the_seeds_network():
    """VGG19 at its last pooling and 3x3 convolutions 256-128-64-32-16-2."""
    network = build_network(network_config("vgg19", "plain", "squared_error"), 0)
    assert network.config["taps"] == ["features.36"]
    convs = [*network.decoder.convs, network.head.conv]
    assert [conv.out_channels for conv in convs] == [256, 128, 64, 32, 16, 2]
    assert all(conv.kernel_size == (3, 3) for conv in convs)
    maps = (light(7, 7).expand(-1, 512, -1, -1),)
    reference = nn.Sequential()
    for i, conv in enumerate(convs):
        reference.append(conv)
        reference.append(nn.Tanh() if conv is convs[-1] else nn.ReLU())
        if i:
            reference.append(nn.Upsample(scale_factor=2))
    with torch.no_grad():
        network.head.conv.weight.mul_(100)
        ab = network.decode(maps)["ab"]
        assert ab.shape == (2, 2, 224, 224)
        torch.testing.assert_close(ab, reference(maps[0]))
    assert ab.abs().max() <= 1
    assert ab.std() > 0.01


def test_a_fresh_network_starts_near_gray_and_a_prior_can_be_set():
    network = build_network(DEFAULT, 0).eval()
    prior = torch.arange(1.0, 306) / torch.arange(1.0, 306).sum()
    set_prior(network, prior.numpy())
    with torch.no_grad():
        share = network(light(64, 64))["logits"].softmax(1).mean((0, 2, 3))
        ab = build_network(network_config(loss="squared_error"), 0).eval()(light(64, 64))["ab"]
    torch.testing.assert_close(share, 0.99 * prior + 0.01 / 305, rtol=0.2, atol=1e-4)
    assert ab.abs().max() < 0.25


def test_taps_and_widths_can_be_chosen():
    config = network_config("resnet18", taps=["layer1.1", "layer3.1"], widths=[16, 8])
    network = build_network(config, 0).eval()
    assert not hasattr(network.encoder, "layer4") or len(list(network.encoder.layer4.parameters())) == 0
    with torch.no_grad():
        assert network(light(64, 64))["logits"].shape == (2, 305, 16, 16)


def test_inverted_residuals_add_nothing_at_first():
    network = build_network(DEFAULT, 0).eval()
    plain = build_network(network_config(residuals=[]), None).eval()
    state = network.state_dict()
    plain.load_state_dict({name: state[name] for name in plain.state_dict()})
    with torch.no_grad():
        assert torch.equal(network(light(64, 96))["logits"], plain(light(64, 96))["logits"])
        network.decoder.residuals[1][2].project.bias.fill_(1)
        assert not torch.equal(network(light(64, 96))["logits"], plain(light(64, 96))["logits"])
    assert [len(steps) for steps in network.decoder.residuals] == [3, 3, 0, 0]


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"decoder": "u-net"}, "'decoder' parameter must be 'unet' or 'plain'. Got 'u-net'"),
        ({"loss": "mse"}, "'loss' parameter must be 'log_loss' or 'squared_error'. Got 'mse'"),
        ({"encoder": "resnet19"}, "'resnet18'"),
        ({"taps": ["features.4"]}, r"taps of 'mobilenet_v2' are features.3, .* Got \['features.4'\]"),
        ({"taps": []}, "taps of 'mobilenet_v2'"),
    ],
)
def test_wrong_arguments_are_named(arguments, match):
    with pytest.raises(ValueError, match=match):
        network_config(**arguments)


def test_unet_widths_must_fit_the_taps():
    with pytest.raises(ValueError, match="4 widths"):
        build_network(network_config(widths=[8, 8]), 0)


class Layouts(TorchDispatchMode):
    """Which of PyTorch's ways back see gradients of maps that do not lie channels last."""

    def __init__(self):
        super().__init__()
        self.calls, self.others = 0, []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if "backward" in function.__name__ and args[0].ndim == 4:
            self.calls += 1
            if not args[0].is_contiguous(memory_format=torch.channels_last):
                self.others.append(function.__name__)
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("decoder", ["unet", "plain"])
def test_gradients_lie_channels_last(decoder):
    """Where they do not, maps are turned round and fast ways missed: training takes a quarter longer."""
    network = build_network(network_config("mobilenet_v2", decoder), 0).to(memory_format=torch.channels_last)
    fold_encoder_norms_(network)
    x, rows = light(96, 64).to(memory_format=torch.channels_last), slice(1, None, 2)
    with torch.autocast("cpu", torch.bfloat16):
        loss = LogLoss()(network(x, rows), torch.rand(2, 2, 96, 64), rows)
    with Layouts() as seen:
        loss.backward()
    assert seen.calls > 80
    assert seen.others == []


def test_some_rows_and_their_gradient():
    x = torch.rand(2, 3, 9, 8).to(memory_format=torch.channels_last).requires_grad_()
    rows = slice(1, None, 2)
    ours, plain = some_rows(x, rows), x[:, :, rows]
    assert torch.equal(ours, plain)
    assert ours.is_contiguous(memory_format=torch.channels_last)
    weights = torch.rand(plain.shape)
    got, expected = (torch.autograd.grad((y * weights).sum(), x)[0] for y in (ours, plain))
    assert torch.equal(got, expected)
    assert got.is_contiguous(memory_format=torch.channels_last)


def test_some_rows_may_be_changed_in_place():
    """A single row lies as it should: without a copy it would be a view."""
    x = torch.rand(1, 3, 1, 2).to(memory_format=torch.channels_last).requires_grad_()
    some_rows(x, slice(None, None, 2)).relu_().sum().backward()
    assert x.grad.sum() == 6


def test_another_default_dtype_changes_nothing():
    expected = build_network(network_config("squeezenet1_1"), 0).state_dict()
    torch.set_default_dtype(torch.float64)
    try:
        found = build_network(network_config("squeezenet1_1"), 0).state_dict()
    finally:
        torch.set_default_dtype(torch.float32)
    for name, tensor in expected.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor)
