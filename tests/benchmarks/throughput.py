"""Photos a second of training and predictions, on whatever device is there.

    python tests/benchmarks/throughput.py [--device auto] [--image-size 192] [--batch-size 16] [--photos 64]

Wall clock, of a machine that has nothing else to do: figures of one machine, no ratios.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch
from PIL import Image
from skimage import data

from skcolorize import Colorizer
from skcolorize.inference.devices import resolve_device, resolve_precision
from skcolorize.pretrained.recipe import keep_freed_memory


def photos(n: int, side: int) -> np.ndarray:
    """Different squares of a real photo, uint8 (n, side, side, 3)."""
    whole = Image.fromarray(data.astronaut())
    corners = np.random.default_rng(0).integers(0, 256, (n, 2))
    return np.stack(
        [np.asarray(whole.resize((side, side), box=(x, y, x + 256, y + 256))) for x, y in corners]
    )


def training(args, precision: str, **params) -> float:
    """Photos a second of the epochs after the first."""
    ends: list[float] = []

    class Clock:
        def setup(self, estimator, context):
            pass

        teardown = on_fit_task_begin = setup

        def on_fit_task_end(self, estimator, context):
            ends.append(time.perf_counter())

    colorizer = Colorizer(
        image_size=args.image_size,
        batch_size=args.batch_size,
        max_iter=4,
        device=args.device,
        precision=precision,
        random_state=0,
        **params,
    )
    colorizer.set_callbacks(Clock()).fit(photos(args.photos, args.image_size + 32))
    return args.photos / float(np.median(np.diff(ends[:4])))


def predictions(args, precision: str, side: int) -> float:
    """Photos a second, gray arrays in, colour arrays out."""
    colorizer = Colorizer.from_pretrained(
        image_size=args.image_size, device=args.device, precision=precision, n_jobs=args.n_jobs
    )
    gray = photos(args.photos, side)[..., 1]
    colorizer.predict(gray)
    start = time.perf_counter()
    colorizer.predict(gray)
    return len(gray) / (time.perf_counter() - start)


def main(argv: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--image-size", type=int, default=192)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--photos", type=int, default=64)
    parser.add_argument("--n-jobs", type=int, default=None, help="threads that decode and render")
    args = parser.parse_args(argv)
    keep_freed_memory()
    device = resolve_device(args.device)
    name = (
        torch.cuda.get_device_name(device) if device.type == "cuda" else f"{torch.get_num_threads()} threads"
    )
    print(f"{device} ({name}), {args.image_size} pixels, batch size {args.batch_size}")
    fast = resolve_precision("auto", device, learning=True)
    for precision in dict.fromkeys(("float32", fast)):
        print(f"training, {precision}: {training(args, precision):.1f} photos/s")
        frozen = training(args, precision, freeze_encoder=True, augment="flip")
        print(f"training with a frozen encoder, {precision}: {frozen:.1f} photos/s")
    for side in (256, 1024):
        for precision in dict.fromkeys(("float32", fast)):
            rate = predictions(args, precision, side)
            print(f"predictions at {side} x {side}, {precision}: {rate:.1f} photos/s")


if __name__ == "__main__":
    main()
