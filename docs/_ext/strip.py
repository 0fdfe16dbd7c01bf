"""Before/after pictures, made at the first build from photos inside two wheels.

``python docs/_ext/strip.py`` makes the picture of the README.
"""

from pathlib import Path

import numpy as np
from PIL import Image

_PHOTOS = ("china", "chelsea", "coffee", "rocket")
_SIZE = (330, 220)


def strips(names=_PHOTOS, size=_SIZE):
    """A row of gray photos and the same row coloured by the embedded network: two PIL images."""
    from skcolorize import Colorizer
    from skcolorize.datasets import load_example_images
    from skcolorize.preprocessing import ToGrayscale

    examples = load_example_images()
    photos = {Path(name).stem: photo for name, photo in zip(examples.filenames, examples.images, strict=True)}
    small = [_cover(photos[name], size) for name in names]
    gray = ToGrayscale().transform(small)
    coloured = Colorizer.from_pretrained().predict(gray)
    return [Image.fromarray(np.hstack(list(row))).convert("RGB") for row in (gray, coloured)]


def make_front_page_strip(folder):
    folder.mkdir(parents=True, exist_ok=True)
    targets = [folder / f"{name}.jpg" for name in ("before", "after")]
    if all(target.exists() for target in targets):
        return
    for target, picture in zip(targets, strips(), strict=True):
        picture.save(target, quality=88)


def _cover(photo, size):
    """The photo's centre, cut and reduced to (width, height)."""
    image = Image.fromarray(photo)
    scale = max(size[0] / image.width, size[1] / image.height)
    image = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.LANCZOS)
    left, top = (image.width - size[0]) // 2, (image.height - size[1]) // 2
    return np.array(image.crop((left, top, left + size[0], top + size[1])))


if __name__ == "__main__":
    gray, coloured = strips(size=(240, 160))
    both = Image.fromarray(np.vstack([np.array(gray), np.array(coloured)]))
    both.save(Path(__file__).parents[1] / "_static" / "before_after.jpg", quality=80, optimize=True)
