"""
Grid search over a list of photos
=================================

Which learning rate suits my photos? :class:`~sklearn.model_selection.GridSearchCV` takes a list
of photos like any other X: the colours in them are the targets.
"""

# %%
# Seven photos, much reduced, so that nine fits take seconds. With real photos pass paths, and
# give the search a folder for checkpoints: ``Colorizer(checkpoint="folder/")`` goes on after an
# interruption.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import GridSearchCV

from skcolorize import Colorizer
from skcolorize.datasets import load_example_images
from skcolorize.metrics import peak_signal_noise_ratio, squash256
from skcolorize.preprocessing import ImageLoader, ToGrayscale

photos = ImageLoader(max_size=160).transform(load_example_images().filenames)

search = GridSearchCV(
    Colorizer(image_size=96, max_iter=4, vividness=0, random_state=0),
    {"learning_rate_init": [1e-4, 1e-3, 1e-2]},
    cv=3,
    error_score="raise",  # an error is an error, not a nan
)
search.fit(photos)

# %%
# The score is the mean PSNR of photos that the fit has not seen. It means little without what it
# has to beat: the gray photos, and the embedded network as it is.

true = [squash256(photo) for photo in photos]
gray = [np.dstack([ToGrayscale().transform(photo)] * 3) for photo in true]
floor = np.mean([peak_signal_noise_ratio(*pair) for pair in zip(true, gray, strict=True)])
embedded = Colorizer.from_pretrained(image_size=96, vividness=0).score(photos)

results = search.cv_results_
fig, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
rates = results["param_learning_rate_init"].astype(float)
ax.errorbar(rates, results["mean_test_score"], results["std_test_score"], marker="o", capsize=4)
ax.axhline(floor, color="gray", ls="--", label="gray copies")
ax.axhline(embedded, color="C1", ls="--", label="embedded, not fine-tuned")
ax.set(xscale="log", xlabel="learning_rate_init", ylabel="PSNR of unseen photos, dB")
ax.legend()

# %%

print(f"best: {search.best_params_}, {search.best_score_:.2f} dB; embedded {embedded:.2f}")

# %%
# **To take away**: searches work on lists of photos as they are. Five photos of unlike things
# teach little about two others: this search shows how, not how much. Never search over
# ``vividness`` by PSNR, which likes dull colours; fix it at 0 meanwhile.
