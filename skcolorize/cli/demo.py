"""``skcolorize demo``: learn from a few photos, colour others, print scores, show before and after."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from .parsing import add_command
from .progress import show_progress

LEARNED = ("china", "flower", "astronaut", "coffee")
HEIGHT, GAP = 220, 6  # of the photos in the picture and between them, in pixels


def add_parser(commands) -> None:
    """Add the parser of this command."""
    parser = add_command(
        commands,
        "demo",
        "fit on four everyday photos, colour three others",
        "Fits a Colorizer on four of the colour photos that scikit-learn and scikit-image carry,\n"
        "colours them and three others that it has not seen, prints how near the true colours it comes,\n"
        "and draws gray, coloured and true photos. Takes less than a minute, and no network.",
        "example: skcolorize demo -o demo.png",
        run,
    )
    parser.add_argument("-o", "--output", default="demo.png", help="the picture, demo.png by default")


def run(args: argparse.Namespace) -> int:
    """Run the demo and print its table."""
    from .._colorizer import Colorizer
    from ..datasets import load_example_images
    from ..images import write_photo

    examples = load_example_images()
    photos = {Path(path).stem: image for path, image in zip(examples.filenames, examples.images, strict=True)}
    learned = [photos[name] for name in LEARNED]
    # a warm start goes all the way: a plain fit on so few photos would mostly keep what the network knew
    colorizer = Colorizer.from_pretrained(warm_start=True, image_size=192, random_state=0)
    colorizer = show_progress(colorizer).fit(learned)

    names = [*LEARNED, *(name for name in photos if name not in LEARNED)]
    scores = psnr_and_floor(colorizer, [photos[name] for name in names])
    print(f"\n{'PSNR in dB':<18}{'gray copy':>10}{'coloured':>10}{'gain':>8}")
    for name, (colored, gray) in zip(names, scores, strict=True):
        if name == names[0]:
            print("photos it was fitted on")
        elif name == names[len(LEARNED)]:
            print("photos it had not seen")
        print(f"  {name:<16}{gray:>10.2f}{colored:>10.2f}{colored - gray:>+8.2f}")
    write_photo(args.output, before_and_after(colorizer, [photos[name] for name in reversed(names)]))
    print(f"\nGray, coloured and true photos, the unseen ones first: {os.path.abspath(args.output)}")
    return 0


def psnr_and_floor(colorizer, photos: Sequence[np.ndarray]) -> list[tuple[float, float]]:
    """PSNR in dB of each photo as coloured from its gray, and of the gray itself, at 256 x 256 pixels."""
    from ..metrics import peak_signal_noise_ratio, squash256
    from ..preprocessing import ToGrayscale

    true = [squash256(photo) for photo in photos]
    gray = ToGrayscale().transform(true)
    floors = [np.stack([levels] * 3, axis=-1) for levels in gray]
    return [
        (peak_signal_noise_ratio(photo, colored), peak_signal_noise_ratio(photo, floor))
        for photo, colored, floor in zip(true, colorizer.predict(gray), floors, strict=True)
    ]


def before_and_after(colorizer, photos: Sequence[np.ndarray]) -> np.ndarray:
    """A picture with a column for each photo: gray, coloured, true; uint8 of shape (H, W, 3)."""
    from ..preprocessing import ToGrayscale

    columns = []
    for photo in photos:
        width = round(HEIGHT * photo.shape[1] / photo.shape[0])
        true = np.asarray(Image.fromarray(photo).resize((width, HEIGHT), Image.Resampling.LANCZOS))
        (gray,) = ToGrayscale().transform([true])
        rows = [np.stack([gray] * 3, axis=-1), colorizer.predict(gray), true]
        columns.append(
            np.concatenate([np.pad(row, [(0, GAP), (0, GAP), (0, 0)], constant_values=255) for row in rows])
        )
    return np.concatenate(columns, axis=1)[:-GAP, :-GAP]
