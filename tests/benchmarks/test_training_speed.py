"""Training: steps beside plain ones, frozen encoders beside fine-tuned ones, data beside computing.

By processor time on one thread, what is compared taken in turns. For the figures:
``pytest tests/benchmarks/test_training_speed.py --benchmark-enable -s``.
"""

import io
import subprocess
import sys
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data
from timing import best_of, tell

from skcolorize.images.decode import read_photo
from skcolorize.inference.devices import resolve_precision
from skcolorize.networks import LogLoss, ab_bins, build_network, fold_encoder_norms_, network_config
from skcolorize.networks.depthwise import DepthwiseConv2d
from skcolorize.training.augmentation import make_batch
from skcolorize.training.batches import FeatureBatches, PhotoBatches
from skcolorize.training.cache import cache_photos
from skcolorize.training.loop import Settings, Trainer
from skcolorize.training.start import embedded_path, read_weights

SIZE, N_PHOTOS = 128, 16
BATCH = 40  # of a step
FAST = resolve_precision("auto", torch.device("cpu"), learning=True)  # bfloat16 where the processor has it


@pytest.fixture(scope="module")
def files():
    buffer = io.BytesIO()
    Image.fromarray(data.astronaut()).resize((1024, 1024)).save(buffer, "JPEG", quality=90)
    return [buffer.getvalue()] * N_PHOTOS


def trainer(
    files, encoder="mobilenet_v2", decoder="unet", *, frozen=False, precision="float32", size=SIZE
) -> Trainer:
    """A fit's loop, in steps of 16 photos."""
    network = build_network(network_config(encoder, decoder), 0)
    fold_encoder_norms_(network)
    network.to(memory_format=torch.channels_last)
    cache = cache_photos(files, str, None, size)
    augment = "flip" if frozen else True
    batches = PhotoBatches(cache, np.arange(len(files)), (size, size), augment, 0, torch.device("cpu"))
    if frozen:
        batches = FeatureBatches(batches, network)
    settings = Settings(1000, N_PHOTOS, precision=precision, row_step=2, freeze_encoder=frozen)
    return Trainer(network, LogLoss(ab_bins()), batches, settings)


# ------------------------------------------------------------------ a step

STEPS = """
import sys, time
import torch
sys.path.insert(0, {tests!r})
from benchmarks.test_training_speed import tuner
torch.set_num_threads(1)
if {ours}:
    from skcolorize.pretrained.recipe import keep_freed_memory
    keep_freed_memory()
made = tuner([open({photo!r}, "rb").read()] * {n}, plain=not {ours}, precision={precision!r})
for _ in sys.stdin:
    start = time.process_time()
    made.run_epoch()
    print(time.process_time() - start, flush=True)
"""


def tuner(files, plain=False, precision=FAST) -> Trainer:
    """The loop that goes on from the embedded weights, or the same with the encoder as torchvision builds it:
    batch norm by itself, depthwise convolutions PyTorch's own."""
    made = trainer(files, precision=precision)
    network = read_weights(embedded_path()).network
    if not plain and network.config["encoder_norms"] != "folded":
        fold_encoder_norms_(network)
    if plain and network.config["encoder_norms"] == "folded":
        network = unfolded(network)
    if plain:
        for module in network.modules():
            if isinstance(module, DepthwiseConv2d):
                module.__class__ = torch.nn.Conv2d
    network.to(memory_format=torch.channels_last)
    settings = replace(made.settings, decoder_norms_learn=False)
    return Trainer(network, made.loss, made.batches, settings)


def unfolded(network):
    """The same function with batch norms in the encoder: they add what were the convolutions' biases."""
    config = network.config | {"encoder_norms": "batch"}
    plain, state = build_network(config, None), network.state_dict()
    for name, value in plain.state_dict().items():
        if name in state:
            value.copy_(state[name])
        elif name.endswith(("weight", "running_var")):
            value.fill_(1)
    for parent in plain.encoder.modules():
        for conv, norm in pairwise(parent.children()):
            if isinstance(norm, torch.nn.BatchNorm2d):
                path = next(name for name, module in plain.named_modules() if module is conv)
                norm.bias.data.copy_(state[f"{path}.bias"])
    return plain.eval()


class Steps:
    """A process that takes a training step when asked to: glibc's thresholds hold for a whole process."""

    def __init__(self, photo, *, ours: bool, precision: str):
        script = STEPS.format(
            tests=str(Path(__file__).parents[1]), photo=str(photo), n=BATCH, ours=ours, precision=precision
        )
        self._process = subprocess.Popen(
            [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def seconds(self) -> float:
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())

    def close(self):
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def test_step_of_the_default_network(benchmark, one_thread, files, tmp_path):
    made = tuner(files)
    benchmark.pedantic(made.run_epoch, rounds=3 if benchmark.enabled else 1)
    assert np.isfinite(made.history.losses[-1])
    if benchmark.disabled:
        return
    (tmp_path / "photo.jpg").write_bytes(files[0])
    both = [Steps(tmp_path / "photo.jpg", ours=ours, precision=FAST) for ours in (True, False)]
    try:
        fast, slow = np.min([[steps.seconds() for steps in both] for _ in range(8)][2:], axis=0)
    finally:
        for steps in both:
            steps.close()
    tell(
        benchmark,
        f"training step of the default network, {FAST}, {BATCH} crops of {SIZE} pixels",
        "batch norm not folded, strided depthwise layers, glibc's default thresholds",
        slow / fast,
        at_least=1.7,
    )


# --------------------------------------------------------------- frozen encoders


@pytest.mark.parametrize(
    ("decoder", "precisions", "floor"),
    [
        ("unet", ("float32", "float32"), 2.5),
        ("unet", ("float32", "bfloat16"), 5),
        ("plain", ("float32", "bfloat16"), 8),
        ("unet", ("bfloat16", "bfloat16"), None),
        ("plain", ("float32", "float32"), None),
    ],
)
def test_frozen_encoder_with_cached_features(benchmark, one_thread, files, decoder, precisions, floor):
    if benchmark.enabled and "bfloat16" in precisions and FAST != "bfloat16":
        pytest.skip("the processor has no bfloat16")
    size = 192 if benchmark.enabled else 32
    whole = trainer(files, "resnet18", decoder, precision=precisions[0], size=size)
    frozen = trainer(files, "resnet18", decoder, precision=precisions[1], size=size, frozen=True)
    benchmark.pedantic(frozen.run_epoch, rounds=1)
    assert np.isfinite(frozen.history.losses[-1])
    if benchmark.disabled:
        return
    fast, slow = best_of(4, frozen.run_epoch, whole.run_epoch)
    tell(
        benchmark,
        f"training with a frozen encoder and cached features: resnet18, {decoder} decoder, {precisions[1]}",
        f"all of it fine-tuned, {precisions[0]}",
        slow / fast,
        at_least=floor,
    )


# -------------------------------------------------------------------------- data


@pytest.mark.parametrize("frozen", [False, True])
def test_share_of_data_handling(benchmark, one_thread, files, frozen):
    """What an epoch takes beyond its steps: the next batch is made in a thread, if a core is free for it."""
    made = trainer(files * 4, precision=FAST, frozen=frozen)
    step, spent = made._step, []

    def timed(*arguments):
        start = time.perf_counter()
        loss = step(*arguments)
        spent.append(time.perf_counter() - start)
        return loss

    made._step = timed
    benchmark.pedantic(made.run_epoch, rounds=1)
    if benchmark.disabled:
        return
    shares = []
    for _ in range(6):
        spent.clear()
        start = time.perf_counter()
        made.run_epoch()
        shares.append(1 - sum(spent) / (time.perf_counter() - start))
    tell(
        benchmark,
        "data handling in an epoch after the first, default network"
        + (", encoder frozen, cached features" if frozen else ""),
        "time of the epoch",
        100 * float(np.median(shares)),
        at_most=5,
        unit="%",
    )


def test_batches_from_the_cache(benchmark, one_thread, files):
    cache = cache_photos(files, str, None, SIZE)

    def cached():
        return make_batch(cache, range(N_PHOTOS), (SIZE, SIZE), True, 0, 0)

    def decoded():
        photos = [np.asarray(Image.fromarray(read_photo(f).pixels).resize((SIZE, SIZE))) for f in files]
        return make_batch(photos, range(N_PHOTOS), (SIZE, SIZE), True, 0, 0)

    x, ab = benchmark(cached)
    assert x.shape == (N_PHOTOS, 1, SIZE, SIZE)
    assert ab.shape == (N_PHOTOS, 2, SIZE, SIZE)
    if benchmark.disabled:
        return
    fast, slow = best_of(4, cached, decoded)
    tell(
        benchmark,
        "a batch from the photo cache",
        "the cache off: photos of 1 megapixel decoded again",
        slow / fast,
    )
