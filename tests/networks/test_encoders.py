"""Every family of the registry: built, run both ways, equal to torchvision's own network on gray."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from networks._models import OTHERS, SMALLEST, maps_of_original, original

from skcolorize.networks import build_network, encoder_names, freeze, network_config
from skcolorize.networks.encoders import ENCODERS, Encoder, check_encoder, describe_encoder
from skcolorize.networks.state import load_state, network_state
from skcolorize.networks.weights import load_encoder_weights, load_npz, save_npz

IMAGENET_MEAN, IMAGENET_STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
MILLION = 1_000_000


def light(size=(32, 64), n=2, seed=0):
    return torch.rand(n, 1, *size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_every_family_has_a_smallest_network():
    assert set(SMALLEST) == set(ENCODERS)
    for family, name in SMALLEST.items():
        assert name.startswith(ENCODERS[family].prefixes)
    assert len(encoder_names()) >= 57
    assert {"vgg19", "vgg16_bn", "wide_resnet50_2", "efficientnet_v2_s", "regnet_x_8gf"} < set(
        encoder_names()
    )
    assert "vit_b_16" not in encoder_names()


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("mobilenet_v4", "'mobilenet_v2'"),
        ("resnet-50", "'resnet50'"),
        ("ResNet18", "'resnet18'"),
        ("vit_b_16", "vgg, resnet, mobilenet"),
        (3, "vgg, resnet, mobilenet"),
    ],
)
def test_unknown_names_get_near_matches(name, hint):
    with pytest.raises(ValueError, match="'encoder' parameter") as error:
        check_encoder(name)
    assert hint in str(error.value)


@pytest.mark.parametrize("name", [*SMALLEST.values(), *OTHERS])
def test_forward_backward_and_storage(name, tmp_path):
    network = build_network(network_config(name), 0).train()
    x = light()
    logits = network(x)["logits"]
    assert logits.shape == (2, 305, 8, 16)
    logits.square().mean().backward()
    for parameter_name, parameter in network.named_parameters():
        assert parameter.isfinite().all(), f"{parameter_name} was not initialised"
        assert parameter.grad is not None, f"{parameter_name} takes no part"
        assert parameter.grad.isfinite().all(), parameter_name

    path = tmp_path / "network.npz"
    save_npz(path, network_state(network.eval()), {"network": network.config})
    header, arrays = load_npz(path)
    again = build_network(header["network"], None).eval()
    load_state(again, arrays)
    with torch.no_grad():
        torch.testing.assert_close(again(x)["logits"], network(x)["logits"], rtol=0, atol=0)


@pytest.mark.parametrize("name", [*SMALLEST.values(), *OTHERS])
def test_gray_stem_equals_torchvision_on_gray_rgb(name, tmp_path):
    """Taps of the folded encoder are those of the original, borders included."""
    model = original(name)
    path = tmp_path / "weights.pth"
    torch.save(model.state_dict() | {"classifier.1.weight": torch.zeros(3)}, path)
    network = build_network(network_config(name), None).eval()
    load_encoder_weights(network, path)

    x = light()
    gray = ((x + 1) / 2).expand(-1, 3, -1, -1)
    mean, std = (torch.tensor(v)[:, None, None] for v in (IMAGENET_MEAN, IMAGENET_STD))
    expected = maps_of_original(model, network.encoder.taps, (gray - mean) / std)
    with torch.no_grad():
        maps = network.encode(x)
    assert len(maps) == len(expected)
    for got, wanted in zip(maps, expected, strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-4 * wanted.abs().max().item())


def test_taps_are_the_deepest_maps_before_each_stride():
    assert describe_encoder("mobilenet_v2") == (
        ("features.3", 24, 4),
        ("features.6", 32, 8),
        ("features.13", 96, 16),
        ("features.17", 320, 32),
    )
    assert describe_encoder("vgg19") == (
        ("features.17", 256, 4),  # relu3_4
        ("features.26", 512, 8),
        ("features.35", 512, 16),
        ("features.36", 512, 32),  # the last pooling
    )
    assert [tap[0] for tap in describe_encoder("resnet18")] == [
        "layer1.1",
        "layer2.1",
        "layer3.1",
        "layer4.1",
    ]


def test_squeezenet_maps_are_a_pixel_short_and_the_head_is_not():
    network = build_network(network_config("squeezenet1_1"), 0)
    with torch.no_grad():
        maps = network.encode(light((192, 192), 1))
        logits = network.decode(maps)["logits"]
    assert [m.shape[-1] for m in maps] == [47, 23, 11]
    assert logits.shape == (1, 305, 48, 48)


@pytest.mark.parametrize("name", encoder_names())
def test_every_name_on_the_meta_device(name):
    """Shapes only, for RegNet too: parameters alone are without memory."""
    taps = describe_encoder(name)
    assert [stride for *_, stride in taps] == [4, 8, 16, 32][: len(taps)]
    assert len(taps) >= 3


@pytest.mark.slow
@pytest.mark.parametrize("name", encoder_names())
def test_every_name_up_to_60_million_for_real(name):
    config = network_config(name)
    size = sum(p.numel() for p in Encoder(name).parameters())
    if size > 60 * MILLION:
        pytest.skip(f"{size / MILLION:.0f} M parameters: its shapes are checked without memory")
    network = build_network(config, 0).eval()
    with torch.no_grad():
        logits = network(light((64, 64), 1))["logits"]
    assert logits.shape == (1, 305, 16, 16)
    assert logits.isfinite().all()


def test_regnet_without_memory_has_torchvisions_shapes():
    from torchvision.models import regnet_y_400mf

    with torch.random.fork_rng(devices=[]):
        real = regnet_y_400mf(weights=None).state_dict()
    ours = Encoder("regnet_y_400mf").state_dict()
    stem = "stem.0.weight"
    assert {n: t.shape for n, t in ours.items() if n != stem} == {
        n: t.shape for n, t in real.items() if n != stem and not n.startswith("fc.")
    }


def test_the_seed_alone_decides_and_nothing_global_changes():
    before = torch.random.get_rng_state(), torch.get_num_threads(), torch.is_grad_enabled()
    config = network_config("squeezenet1_1")
    states = [network_state(build_network(config, seed)) for seed in (1, 1, 2)]
    generator = torch.Generator().manual_seed(1)
    states.append(network_state(build_network(config, generator)))
    after = torch.random.get_rng_state(), torch.get_num_threads(), torch.is_grad_enabled()
    assert torch.equal(before[0], after[0])
    assert before[1:] == after[1:]

    def same(a, b):
        return all((a[name] == b[name]).all() for name in a)

    assert same(states[0], states[1])
    assert same(states[0], states[3])
    assert not same(states[0], states[2])


def test_threads_building_at_once_do_not_disturb_each_other():
    config = network_config("squeezenet1_1")
    expected = network_state(build_network(config, 5))
    with ThreadPoolExecutor(4) as threads:
        states = list(threads.map(lambda seed: network_state(build_network(config, seed)), [5] * 8))
    for state in states:
        assert all((state[name] == expected[name]).all() for name in expected)


def test_freezing_keeps_parameters_and_statistics():
    network = build_network(network_config("mobilenet_v2"), 0).train()
    freeze(network, 4)
    before = network_state(network)
    network.train()
    optimiser = torch.optim.SGD(network.parameters(), 1.0, weight_decay=0)
    network(light((64, 64)))["logits"].square().mean().backward()
    optimiser.step()
    changed = {name for name, value in network_state(network).items() if (value != before[name]).any()}
    frozen = tuple(f"encoder.features.{i}." for i in range(4))
    assert not any(name.startswith(frozen) for name in changed)
    assert "encoder.features.4.conv.0.0.weight" in changed
    assert "encoder.features.4.conv.0.1.running_mean" in changed

    freeze(network, True)
    assert not any(p.requires_grad for p in network.encoder.parameters())
    assert all(p.requires_grad for p in network.decoder.parameters())
    freeze(network, False)
    assert all(p.requires_grad for p in network.parameters())
