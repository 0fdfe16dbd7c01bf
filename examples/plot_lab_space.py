"""
The Lab space, and where a photo lies in it
===========================================

What is there to predict? A gray photo gives the lightness L of CIELAB; two numbers a pixel are
missing, a (green to red) and b (blue to yellow). This example looks at the plane they span.
"""

# %%
# A photo taken apart. L alone is the gray photo. The two other channels are drawn at a fixed
# lightness of 70, so that nothing but colour is left in the third picture.

import matplotlib.pyplot as plt
import numpy as np

from skcolorize.color import lab_to_rgb, rgb_to_lab
from skcolorize.datasets import load_example_images

examples = load_example_images()
photo = examples.images[0]
lab = rgb_to_lab(photo)
lightness, ab = lab[..., 0], lab[..., 1:]
only_colour = lab.copy()
only_colour[..., 0] = 70

fig, axes = plt.subplots(1, 3, figsize=(10, 2.6), layout="constrained")
pictures = {"photo": photo, "L": lightness, "a and b, at L = 70": lab_to_rgb(only_colour)}
for ax, (title, picture) in zip(axes, pictures.items(), strict=True):
    ax.imshow(picture, cmap="gray")
    ax.set_title(title)
    ax.set_axis_off()

# %%
# What sRGB can show of the ab plane depends on L: much in the middle, little near black and
# white. A colour outside can't be shown; :func:`~skcolorize.color.clip_to_gamut` lowers its
# chroma until it fits, and keeps L and hue.

side = np.arange(-110, 111, 1.0)
a, b = np.meshgrid(side, side)
fig, axes = plt.subplots(1, 3, figsize=(10, 3.4), sharey=True, layout="constrained")
for ax, level in zip(axes, (25, 60, 90), strict=True):
    plane = np.stack([np.full_like(a, level), a, b], axis=-1).astype("float32")
    rgb = lab_to_rgb(plane)
    shown = np.abs(rgb_to_lab(rgb) - plane).max(axis=-1) < 2  # survives the way there and back
    ax.imshow(np.where(shown[..., None], rgb, 235), origin="lower", extent=(-110, 110, -110, 110))
    ax.set(title=f"L = {level}", xlabel="a")
axes[0].set_ylabel("b")

# %%
# Real photos keep close to gray: most pixels have a small chroma, and vivid ones are rare. That
# is why a network that predicts a mean comes out dull, and why skcolorize learns a distribution
# over this plane instead.

fig, axes = plt.subplots(1, 3, figsize=(10, 3.4), sharey=True, layout="constrained")
names = [name.rsplit("/", 1)[-1].split(".")[0] for name in examples.filenames]
for ax, index in zip(axes, (0, 2, 4), strict=True):
    a, b = rgb_to_lab(examples.images[index])[::2, ::2, 1:].reshape(-1, 2).T
    ax.hexbin(a, b, gridsize=44, extent=(-110, 110, -110, 110), bins="log", mincnt=1)
    ax.axhline(0, color="0.6", lw=0.6)
    ax.axvline(0, color="0.6", lw=0.6)
    ax.set(title=f"{names[index]}, median chroma {np.median(np.hypot(a, b)):.0f}", xlabel="a")
    ax.set_aspect("equal")
axes[0].set_ylabel("b")

# %%
# **To take away**: colouring is the guess of (a, b) from L. Most of a photo is nearly gray, so
# the mean error rewards dull guesses; look at colourfulness beside it.
