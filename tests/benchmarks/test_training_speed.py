"""Training pictures per second: from the cache and decoded anew, folded and not, one thread."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data
from timing import best_of

from skcolorize.images.decode import read_photo
from skcolorize.networks import LogLoss, ab_bins, build_network, fold_encoder_norms_, network_config
from skcolorize.training.augmentation import make_batch
from skcolorize.training.batches import PhotoBatches
from skcolorize.training.cache import cache_photos
from skcolorize.training.loop import Settings, Trainer

SIZE, N_PHOTOS = 128, 16


@pytest.fixture(scope="module")
def files():
    buffer = io.BytesIO()
    Image.fromarray(data.astronaut()).resize((1024, 1024)).save(buffer, "JPEG", quality=90)
    return [buffer.getvalue()] * N_PHOTOS


def trainer(files, *, folded: bool, precision: str) -> Trainer:
    network = build_network(network_config(), 0)
    if folded:
        fold_encoder_norms_(network)
    network.to(memory_format=torch.channels_last)
    cache = cache_photos(files, str, None, SIZE)
    batches = PhotoBatches(cache, np.arange(N_PHOTOS), (SIZE, SIZE), True, 0, torch.device("cpu"))
    settings = Settings(max_iter=1000, batch_size=N_PHOTOS, precision=precision)
    return Trainer(network, LogLoss(ab_bins()), batches, settings)


def test_step_of_the_default_network(benchmark, one_thread, files):
    ours = trainer(files, folded=True, precision="bfloat16")
    benchmark(ours.run_epoch)
    assert np.isfinite(ours.history.losses[-1])
    if benchmark.disabled:
        return
    plain = trainer(files, folded=False, precision="float32")
    fast, slow = best_of(4, ours.run_epoch, plain.run_epoch)
    print(
        f"\nstep at {SIZE} px: {N_PHOTOS / fast:.0f} photos/s, unfolded in float32 {N_PHOTOS / slow:.0f}: "
        f"{slow / fast:.2f}x"
    )
    benchmark.extra_info["ratio"] = round(slow / fast, 2)
    assert slow / fast >= 1.2


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
    print(f"\nbatch from the cache {fast * 1e3:.0f} ms, decoded anew {slow * 1e3:.0f} ms: {slow / fast:.1f}x")
    benchmark.extra_info["ratio"] = round(slow / fast, 1)
    assert slow > fast
