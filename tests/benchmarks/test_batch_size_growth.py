"""How the cost of a training step grows with its batch: 1 to 64 photos, by processor time on one thread."""

import io

import numpy as np
from benchmarks.test_training_speed import FAST, SIZE, trainer
from PIL import Image
from skimage import data
from timing import best_of, tell_growth

BATCH_SIZES = 1, 2, 4, 8, 16, 32, 64


def test_growth_with_the_batch(benchmark, one_thread):
    buffer = io.BytesIO()
    Image.fromarray(data.astronaut()).save(buffer, "JPEG", quality=90)
    sizes = BATCH_SIZES if benchmark.enabled else BATCH_SIZES[:1]
    trainers = [trainer([buffer.getvalue()] * n, precision=FAST) for n in sizes]  # one step an epoch
    benchmark.pedantic(trainers[0].run_epoch, rounds=1)
    assert np.isfinite(trainers[0].history.losses[-1])
    if benchmark.disabled:
        return
    steps = [made.run_epoch for made in trainers]
    best_of(1, *steps)  # a first step prepares what the later ones use
    costs = {n: time / n for n, time in zip(sizes, best_of(4, *steps), strict=True)}
    tell_growth(
        benchmark,
        f"processor time a photo of a training step, default network, {FAST}, crops of {SIZE} pixels",
        "batch_size",
        {n: cost / costs[16] for n, cost in costs.items()},
    )
