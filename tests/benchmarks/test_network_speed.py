"""The default network against larger ones: the seed's, and two of the cost of well-known colourizers.

Timed in turns within one process, on one thread: what else the machine does meets both.
"""

import pytest
import torch
from timing import best_of, tell
from torch import nn
from torchvision.models import convnext_tiny

from skcolorize import Colorizer
from skcolorize.networks import build_network, fold_batch_norm, network_config


def seeds_network():
    """As the seed ran it: no norms to fold, channels first."""
    return build_network(network_config("vgg19", "plain", "squared_error"), 0).eval()


def run(network, x):
    with torch.inference_mode():
        return network(x)


def gray(size):
    return torch.zeros(1, 1, size, size).contiguous(memory_format=torch.channels_last)


def convolution(inputs, outputs, stride=1, dilation=1):
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, padding=dilation, dilation=dilation), nn.ReLU(inplace=True)
    )


def eccv16():
    """The layers of Zhang, Isola and Efros 2016, batch norm folded away; weights do not matter here."""
    blocks = [(64, 2, 1, 2), (128, 2, 1, 2), (256, 2, 1, 3)]
    blocks += [(512, 1, dilation, 3) for dilation in (1, 2, 2, 1)]
    layers, before = [], 1
    for width, stride, dilation, n_layers in blocks:
        for i in range(n_layers):
            layers.append(convolution(before, width, stride if i == n_layers - 1 else 1, dilation))
            before = width
    layers.append(nn.ConvTranspose2d(512, 256, 4, stride=2, padding=1))
    layers += [nn.ReLU(inplace=True), convolution(256, 256), convolution(256, 256), nn.Conv2d(256, 313, 1)]
    return nn.Sequential(*layers)


def convnext_decoder():
    """ConvNeXt-T and a decoder at stride 4, of the cost of DDColor-tiny; without its transformer."""
    encoder = convnext_tiny(weights=None).features
    encoder[0][0] = nn.Conv2d(1, 96, 4, stride=4)
    decoder, before = [], 768
    for width in (512, 512, 256):
        decoder += [convolution(before, 4 * width), nn.PixelShuffle(2), convolution(width, width)]
        before = width
    return nn.Sequential(encoder, *decoder, convolution(256, 512), nn.Conv2d(512, 313, 1))


def billions_of_products(network, x):
    """Multiplications of all convolutions and matrices for one input, in billions."""
    total = 0

    def count(module, inputs, output):
        nonlocal total
        weights = module.weight[0].numel() if isinstance(module, nn.Conv2d) else module.weight.shape[-1]
        values = output.numel()
        if isinstance(module, nn.ConvTranspose2d):  # each input goes to as many outputs as its kernel has
            weights, values = module.weight[0].numel(), inputs[0].numel()
        total += weights * values

    kinds = nn.Conv2d, nn.ConvTranspose2d, nn.Linear
    hooks = [m.register_forward_hook(count) for m in network.modules() if isinstance(m, kinds)]
    run(network, x)
    for hook in hooks:
        hook.remove()
    return total / 1e9


def compare(benchmark, what, beside, ours, theirs, *, repeats, at_least):
    new, old = best_of(repeats, ours, theirs)
    tell(benchmark, what, beside, old / new, at_least=at_least)


SEEDS = "VGG19 with a plain decoder at 224 x 224"


def test_default_network_against_the_seeds(benchmark, one_thread):
    ours, seeds = fold_batch_norm(build_network(network_config(), 0)), seeds_network()
    small, large = gray(192), torch.zeros(1, 1, 224, 224)
    assert run(ours, small)["logits"].shape == (1, 305, 48, 48)
    assert run(seeds, large)["ab"].shape == (1, 2, 224, 224)
    benchmark(run, ours, small)
    if not benchmark.disabled:
        compare(
            benchmark,
            "the default network at 192 x 192",
            SEEDS,
            lambda: run(ours, small),
            lambda: run(seeds, large),
            repeats=15,
            at_least=12,
        )


def shipped():
    """The embedded network, and an input of its working size."""
    colorizer = Colorizer.from_pretrained()
    return colorizer._session().network, gray(colorizer.image_size)


def test_the_embedded_network_as_shipped_against_the_seeds(benchmark, one_thread):
    (ours, small), seeds, large = shipped(), seeds_network(), torch.zeros(1, 1, 224, 224)
    benchmark(run, ours, small)
    if not benchmark.disabled:
        compare(
            benchmark,
            f"the embedded network at its working size, {small.shape[-1]}",
            SEEDS,
            lambda: run(ours, small),
            lambda: run(seeds, large),
            repeats=10,
            at_least=8,
        )


@pytest.mark.parametrize(
    ("make", "cost", "name"),
    [(eccv16, 42, "Zhang et al. 2016"), (convnext_decoder, 25, "DDColor-tiny")],
)
def test_the_embedded_network_against_well_known_costs(benchmark, one_thread, make, cost, name):
    (ours, small), x = shipped(), gray(256)
    theirs = make().eval().to(memory_format=torch.channels_last)
    assert billions_of_products(theirs, x) == pytest.approx(cost, rel=0.05)
    benchmark(run, ours, small)
    if not benchmark.disabled:
        compare(
            benchmark,
            f"the embedded network at its working size, {small.shape[-1]}",
            f"a network of {cost} billion products, as {name} has at 256 x 256",
            lambda: run(ours, small),
            lambda: run(theirs, x),
            repeats=5,
            at_least=10,
        )
