"""
A pipeline with Lab transformers
================================

How does a Colorizer fit into a scikit-learn pipeline? Photos go in on the left; what comes out on
the right depends on what stands behind the Colorizer.
"""

# %%
# In front: :class:`~skcolorize.preprocessing.ImageLoader` turns paths into arrays, here reduced
# to 320 pixels, and :class:`~skcolorize.preprocessing.ToGrayscale` takes the colours away. The
# Colorizer comes last. It converts to Lab by itself, so it is given photos, never Lab.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.pipeline import make_pipeline

from skcolorize import Colorizer
from skcolorize.datasets import load_example_images
from skcolorize.preprocessing import ImageLoader, LabToRGB, ToGrayscale

paths = load_example_images().filenames
pipeline = make_pipeline(ImageLoader(max_size=320), ToGrayscale(), Colorizer.from_pretrained())
pipeline

# %%

coloured = pipeline.predict(paths[:3])
print([photo.shape for photo in coloured])

# %%
# ``Colorizer.transform`` gives Lab, float32, with the photo's own L. So something can be done to
# the colours before they become sRGB again. A transformer of our own: turn all hues by an angle.


class TurnHue(TransformerMixin, BaseEstimator):
    """Turn the hue of Lab arrays by an angle in degrees."""

    def __init__(self, angle=0):
        self.angle = angle

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        cos, sin = np.cos(np.deg2rad(self.angle)), np.sin(np.deg2rad(self.angle))
        turn = np.array([[1, 0, 0], [0, cos, sin], [0, -sin, cos]], dtype="float32")
        turned = np.empty(len(X), dtype=object)
        for i, lab in enumerate(X):
            turned[i] = lab @ turn
        return turned

    def __sklearn_is_fitted__(self):
        return True


turning = make_pipeline(*pipeline[:2], pipeline[-1], TurnHue(), LabToRGB())

# %%

fig, axes = plt.subplots(2, 3, figsize=(10, 5), layout="constrained")
for row, angle in zip(axes, (0, 120), strict=True):
    pictures = turning.set_params(turnhue__angle=angle).transform(paths[:3])
    for ax, picture in zip(row, pictures, strict=True):
        ax.imshow(picture)
        ax.set_axis_off()
    row[0].set_title(f"hues turned by {angle} degrees", loc="left")

# %%
# **To take away**: ``ImageLoader`` and ``ToGrayscale`` go before a Colorizer, Lab transformers
# behind its ``transform``. For training keep the Colorizer last: a pipeline that goes on behind
# it colours every training photo once for nothing. To fit behind ``ToGrayscale``, give the
# colours as target, ``pipeline.fit(X, y=X)``.
