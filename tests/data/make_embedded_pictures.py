"""Store what the embedded network makes of the example photos; run it as a script after new weights land.

Look at the pictures first: this is the memory of the test that notices a collapse.
"""

from pathlib import Path

import numpy as np
from PIL import Image

FILE = Path(__file__).parent / "embedded-ab.npz"
SIDE = 16


def thumbnails() -> dict[str, np.ndarray]:
    """ab (SIDE, SIDE, 2) of each example photo, Lab units, by file name."""
    from skcolorize import Colorizer
    from skcolorize.datasets import load_example_images

    examples = load_example_images()
    colorizer = Colorizer.from_pretrained()
    found = {}
    for name, image in zip(examples.filenames, examples.images, strict=True):
        ab = colorizer.transform(image)[..., 1:]
        planes = [
            Image.fromarray(np.ascontiguousarray(p)).resize((SIDE, SIDE), Image.Resampling.BOX)
            for p in np.moveaxis(ab, -1, 0)
        ]
        found[Path(name).name] = np.stack([np.asarray(p) for p in planes], axis=-1)
    return found


if __name__ == "__main__":
    np.savez_compressed(FILE, **{name: ab.astype(np.float16) for name, ab in thumbnails().items()})
