"""
The classic recipe, as parameters
=================================

Can the recipe of many tutorials be written with parameters alone? VGG19 held fixed, a stack of
convolutions on its last map, the squared error of ab.
"""

# %%
# With ImageNet's weights (``weights="imagenet"``) this is the recipe; they are a download of half
# a gigabyte. Random ones show the form here.

import time

import matplotlib.pyplot as plt
import torch

from skcolorize import Colorizer
from skcolorize.datasets import load_example_images
from skcolorize.networks import fold_batch_norm

classic = Colorizer(
    "vgg19",
    decoder="plain",
    loss="squared_error",
    weights=None,
    freeze_encoder=True,
    image_size=(224, 224),
    batch_size=32,
    learning_rate="constant",
    learning_rate_init=1e-3,
    weight_decay=0,
    augment=False,
    max_iter=3,
    random_state=0,
)
photos = load_example_images().images
classic.fit(photos[:4])
print(f"losses: {[round(loss, 4) for loss in classic.loss_curve_]}")
print(classic.module_.decoder)

# %%
# What it costs beside the embedded network, each at its own size, the best of five rounds:

embedded = Colorizer.from_pretrained()


def seconds(colorizer, size):
    network = fold_batch_norm(colorizer.module_).to(memory_format=torch.channels_last)
    x = torch.zeros(1, 1, size, size)
    best = float("inf")
    with torch.inference_mode():
        for _ in range(5):
            start = time.process_time()
            network(x)
            best = min(best, time.process_time() - start)
    return best


ratio = seconds(classic, 224) / seconds(embedded, 256)
fig, ax = plt.subplots(figsize=(7, 1.6), layout="constrained")
bars = ax.barh(["embedded, 256 x 256", "classic, 224 x 224"], [1, ratio], color=["C1", "C0"])
ax.bar_label(bars, fmt="%.0f", padding=3)
ax.set_xlabel("time of one photo, the embedded network's is 1")

# %%
# **To take away**: the recipe is there for comparison. It costs many times as much, sees one
# value for each patch of 32 pixels, and its squared error asks for the mean of all likely
# colours, which is nearly gray. What published networks reach is in :doc:`/user_guide/limits`.
