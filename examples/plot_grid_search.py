"""
Grid search over a list of photos
=================================

How closely should the network look? :class:`~sklearn.model_selection.GridSearchCV` takes a list
of photos like any other X: the colours in them are the targets.
"""

# %%
# Seven photos and one short epoch, so that six fits take seconds. With real photos pass paths,
# and give the search a folder for checkpoints: ``Colorizer(checkpoint="folder/")`` goes on after
# an interruption.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import GridSearchCV

from skcolorize import Colorizer
from skcolorize.datasets import load_example_images
from skcolorize.metrics import peak_signal_noise_ratio, squash256
from skcolorize.preprocessing import ImageLoader, ToGrayscale

photos = ImageLoader(max_size=256).transform(load_example_images().filenames)

search = GridSearchCV(
    Colorizer(max_iter=1, vividness=0, random_state=0),
    {"image_size": [64, 128, 256]},
    cv=2,
    error_score="raise",  # an error is an error, not a nan
)
search.fit(photos)

# %%
# The score is the mean PSNR of photos that the fit has not seen. It means little without what it
# has to beat, the gray photos:

true = [squash256(photo) for photo in photos]
gray = [np.dstack([ToGrayscale().transform(photo)] * 3) for photo in true]
floor = np.mean([peak_signal_noise_ratio(*pair) for pair in zip(true, gray, strict=True)])

results = search.cv_results_
sizes = results["param_image_size"].astype(int)
fig, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
ax.plot(sizes, results["mean_test_score"], marker="o", label="Colorizer")
ax.axhline(floor, color="gray", ls="--", label="gray copies")
ax.set(xlabel="image_size", ylabel="PSNR of unseen photos, dB", xticks=sizes)
ax.legend()

# %%

print(f"best: {search.best_params_}, {search.best_score_:.2f} dB; gray {floor:.2f} dB")

# %%
# **To take away**: searches work on lists of photos as they are. Seven photos of unlike things
# show how it is done, and settle nothing. Never search over ``vividness`` by PSNR, which likes
# dull colours; fix it at 0 meanwhile.
