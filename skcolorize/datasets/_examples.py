"""The colour photos that scikit-learn and scikit-image carry inside their wheels: no download."""

from importlib.util import find_spec
from pathlib import Path

from sklearn.utils import Bunch

from ..images import read_photo

_FILES = {
    "sklearn": ("datasets/images/china.jpg", "datasets/images/flower.jpg"),
    "skimage": (
        "data/astronaut.png",
        "data/chelsea.png",
        "data/coffee.png",
        "data/rocket.jpg",
        "data/motorcycle_left.png",
    ),
}
_DESCR = """Seven everyday colour photos, from the wheels of scikit-learn and scikit-image.

china            a Chinese palace; danielbuechele on Flickr, Creative Commons Attribution 2.0
flower           a dahlia; vultilion on Flickr, Creative Commons Attribution 2.0
astronaut        Eileen Collins, astronaut; NASA, public domain
chelsea          Chelsea the cat; Stefan van der Walt, CC0
coffee           a cup of coffee; Rachel Michetti, courtesy of Pikolo Espresso Bar, CC0
rocket           a Falcon 9 at its launch; SpaceX, public domain
motorcycle_left  a motorcycle, the left one of a stereo pair; Middlebury 2014 stereo benchmark [1]

[1] D. Scharstein et al., High-resolution stereo datasets with subpixel-accurate ground truth, GCPR 2014.
"""


def _folder(package: str) -> Path:
    """Where a package lies that ours needs; it is not imported."""
    spec = find_spec(package)
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parent


def load_example_images() -> Bunch:
    """Load seven everyday colour photos, installed with scikit-learn and scikit-image.

    Returns
    -------
    bunch : Bunch
        With attributes

        images : list of 7 ndarrays of shape (H, W, 3), uint8
            sRGB, each of its own size.
        filenames : list of 7 str
            The path of each.
        DESCR : str
            What they show, and whose they are.

    Examples
    --------
    >>> from skcolorize.datasets import load_example_images
    >>> examples = load_example_images()
    >>> examples.images[0].shape
    (427, 640, 3)
    """
    filenames = [str(_folder(package) / name) for package, names in _FILES.items() for name in names]
    return Bunch(images=[read_photo(path).pixels for path in filenames], filenames=filenames, DESCR=_DESCR)
