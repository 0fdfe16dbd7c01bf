"""
Colour a gray photo in three lines
==================================

What does it take to colour a photo? The network that comes inside the package, and one call.
"""

# %%
# The photo is a colour one here, so that the result can be looked at beside the truth. The
# network sees nothing but its lightness: the same picture comes out of the gray copy.

import matplotlib.pyplot as plt

from skcolorize import Colorizer
from skcolorize.datasets import load_example_images
from skcolorize.preprocessing import ToGrayscale

true = load_example_images().images[0]
gray = ToGrayscale().transform(true)

# %%
# Three lines, of which one is the import above. ``predict`` also takes a path, the bytes of a
# file, a PIL image, or a list of any of them.

colorizer = Colorizer.from_pretrained()
coloured = colorizer.predict(gray)

# %%

fig, axes = plt.subplots(1, 3, figsize=(10, 2.6), layout="constrained")
pictures = {"gray": gray, "predicted": coloured, "true": true}
for ax, (title, picture) in zip(axes, pictures.items(), strict=True):
    ax.imshow(picture, cmap="gray")
    ax.set_title(title)
    ax.set_axis_off()

# %%
# The picture comes back at its own size and with its own lightness, whatever size the network
# works at: no pixel gets lighter or darker by more than a level or two.

import numpy as np

difference = np.abs(ToGrayscale().transform(coloured).astype(int) - gray)
print(f"shape {coloured.shape}, dtype {coloured.dtype}, at most {difference.max()} levels off")

# %%
# **To take away**: ``Colorizer.from_pretrained().predict(photo)`` needs no download and no
# training. Colours are believable rather than true: nothing in a gray photo says what colour a
# roof was painted.
