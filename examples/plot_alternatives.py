"""
Alternatives: other colours it might have had
=============================================

What else could it have been? The network knows a distribution of colours for each place;
``sample_y`` draws whole pictures from it.
"""

# %%

import matplotlib.pyplot as plt
import numpy as np

from skcolorize import Colorizer
from skcolorize.color import rgb_to_lab
from skcolorize.datasets import load_example_images
from skcolorize.preprocessing import ToGrayscale

photos = load_example_images().images
colorizer = Colorizer.from_pretrained()

fig, axes = plt.subplots(3, 4, figsize=(10, 7.4), layout="constrained")
for row, index in zip(axes, (1, 2, 6), strict=True):
    gray = ToGrayscale().transform(photos[index])
    samples = colorizer.sample_y(gray, n_samples=3, random_state=0)
    for ax, picture in zip(row, [colorizer.predict(gray), *samples], strict=True):
        ax.imshow(picture)
        ax.set_axis_off()
for ax, title in zip(axes[0], ["predict", "sample 1", "sample 2", "sample 3"], strict=True):
    ax.set_title(title)

# %%
# An alternative is smooth: what is near, and looks alike, changes together, not each pixel by
# itself. It knows no things, so a flower may get two colours. How far alternatives lie apart is
# large where the confidence is low:

ab = rgb_to_lab(samples)[..., 1:]
apart = np.linalg.norm(ab[[0, 0, 1]] - ab[[1, 2, 2]], axis=-1).mean(axis=0)
sure = colorizer.predict_confidence(gray)
low, high = np.quantile(sure, [0.25, 0.75])
print(f"the least sure quarter of the last photo: {apart[sure < low].mean():.1f} Lab units apart")
print(f"the surest quarter: {apart[sure > high].mean():.1f}")

# %%
# **To take away**: the first guess is one of many. Where the colour matters, show alternatives,
# or say that it is a guess.
