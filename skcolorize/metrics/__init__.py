"""What good colour is, in numbers: measures of photos and of sets, a protocol, `evaluate`, scorers.

A true photo comes first, a coloured one second, both sRGB arrays of one shape. Lightness is given to every
colouriser, so a gray copy of a photo scores well in most measures: no figure means much without its gray row,
and none without the colourfulness beside it. `evaluate` prints both.
"""

from ._evaluate import Evaluation, evaluate
from ._photo import ciede2000, colorfulness, peak_signal_noise_ratio, structural_similarity
from ._protocol import squash256
from ._scorers import neg_ciede2000_scorer, neg_colorfulness_difference_scorer, psnr_scorer, ssim_scorer
from ._sets import colorfulness_difference, effective_hues, hue_histogram, hue_total_variation, orange_ratio

__all__ = [
    "Evaluation",
    "ciede2000",
    "colorfulness",
    "colorfulness_difference",
    "effective_hues",
    "evaluate",
    "hue_histogram",
    "hue_total_variation",
    "neg_ciede2000_scorer",
    "neg_colorfulness_difference_scorer",
    "orange_ratio",
    "peak_signal_noise_ratio",
    "psnr_scorer",
    "squash256",
    "ssim_scorer",
    "structural_similarity",
]
