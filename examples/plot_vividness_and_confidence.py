"""
Vividness, and how sure the network is
======================================

How colourful should a guess be? One parameter decides, after training, and a map tells where the
network guesses at all.
"""

# %%
# ``vividness=0`` gives the smallest expected error, 1 colours as strong as those of real photos
# on average. It acts at once; nothing is learned anew.

import matplotlib.pyplot as plt

from skcolorize import Colorizer
from skcolorize.datasets import load_example_images
from skcolorize.inspection import ColorizationDisplay
from skcolorize.metrics import colorfulness, peak_signal_noise_ratio
from skcolorize.preprocessing import ToGrayscale

photos = load_example_images().images
grays = ToGrayscale().transform(photos)
colorizer = Colorizer.from_pretrained()


def row_of_pictures(axes, true, gray):
    for ax, vividness in zip(axes, (0, 0.5, 1, 1.5), strict=True):
        picture = colorizer.set_params(vividness=vividness).predict(gray)
        psnr = peak_signal_noise_ratio(true, picture)
        ax.imshow(picture)
        ax.set_title(
            f"vividness {vividness}: {psnr:.1f} dB, CF {colorfulness(picture):.0f}", size=9
        )
        ax.set_axis_off()


fig, axes = plt.subplots(2, 4, figsize=(10, 4), layout="constrained")
for row, index in zip(axes, (0, 4), strict=True):
    row_of_pictures(row, photos[index], grays[index])

# %%
# The confidence of each pixel, 0 to 1, is high where one colour is likely (foliage, sky) and low
# where many are (roofs, cups, clothes). It is that of the distribution as learned, and does not
# depend on the vividness.

colorizer.set_params(vividness=1)
ColorizationDisplay.from_estimator(colorizer, [photos[0], photos[4]])

# %%
# **To take away**: stronger colours cost PSNR where the guess is wrong, and gain where it is
# right, as with this cup. Over many photos ``vividness=0`` has the best PSNR, and dull colours.
# Choose by eye; the confidence tells where to look.
