"""How photos are prepared before they are measured."""

import numpy as np
from PIL import Image

from ..images import PhotoLike, read_photo
from ._photo import unit_values


def squash256(photo: PhotoLike) -> np.ndarray:
    """Squash a photo to 256 x 256 pixels, 8 bits: the first step of the protocol of that name.

    Colourisers are usually compared at this size, whatever the photo's shape. The coloured photo is made from
    the gray of the squashed one, and all measures are taken on it.

    Parameters
    ----------
    photo : path, bytes, PIL image or ndarray of shape (H, W), (H, W, 1), (H, W, 3) or (H, W, 4)
        Alpha is ignored.

    Returns
    -------
    squashed : ndarray of shape (256, 256, 3), dtype uint8
        By Pillow's bicubic filter.

    Examples
    --------
    >>> import numpy as np
    >>> from skcolorize.metrics import squash256
    >>> squash256(np.zeros((30, 40, 3), dtype=np.uint8)).shape
    (256, 256, 3)
    """
    pixels = _levels(read_photo(photo).pixels)
    return np.array(Image.fromarray(pixels).resize((256, 256), Image.Resampling.BICUBIC))


def own_size(photo: PhotoLike) -> np.ndarray:
    """A photo in 8 bits and three channels, at its own size."""
    return _levels(read_photo(photo).pixels)


def in_color(pixels) -> np.ndarray:
    """Pixels (H, W) or (H, W, 3) in three channels."""
    return np.stack([pixels] * 3, axis=-1) if pixels.ndim == 2 else pixels


def _levels(pixels) -> np.ndarray:
    if pixels.dtype != np.uint8:
        pixels = np.rint(255 * unit_values(pixels)).astype(np.uint8)
    return np.ascontiguousarray(in_color(pixels))


PROTOCOLS = {"squash256": squash256, "own_size": own_size}
