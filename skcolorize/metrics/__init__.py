"""What good colour is, in numbers: measures of photos, a protocol, scorers.

A true photo comes first, a coloured one second, both sRGB arrays of one shape. Lightness is given to every
colouriser, so a gray copy of a photo scores well in most measures: no figure means much without its gray row,
and none without the colourfulness beside it. `evaluate` prints both.
"""

from ._photo import ciede2000, colorfulness, peak_signal_noise_ratio, structural_similarity
from ._protocol import squash256

__all__ = [
    "ciede2000",
    "colorfulness",
    "peak_signal_noise_ratio",
    "squash256",
    "structural_similarity",
]
