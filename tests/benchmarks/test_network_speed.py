"""The default network against the seed's: VGG19 with a plain decoder at 224 pixels.

Timed in turns within one process, on one thread: what else the machine does meets both.
"""

import torch
from timing import best_of, tell

from skcolorize.networks import build_network, fold_batch_norm, network_config


def seeds_network():
    """As the seed ran it: no norms to fold, channels first."""
    return build_network(network_config("vgg19", "plain", "squared_error"), 0).eval()


def run(network, x):
    with torch.inference_mode():
        return network(x)


def test_default_network_against_the_seeds(benchmark, one_thread):
    ours, seeds = fold_batch_norm(build_network(network_config(), 0)), seeds_network()
    small = torch.zeros(1, 1, 192, 192).contiguous(memory_format=torch.channels_last)
    large = torch.zeros(1, 1, 224, 224)
    assert run(ours, small)["logits"].shape == (1, 305, 48, 48)
    assert run(seeds, large)["ab"].shape == (1, 2, 224, 224)
    benchmark(run, ours, small)
    if benchmark.disabled:
        return
    new, old = best_of(15, lambda: run(ours, small), lambda: run(seeds, large))
    tell(
        benchmark,
        "the default network at 192 x 192",
        "VGG19 with a plain decoder at 224 x 224",
        old / new,
        at_least=12,
    )
