"""
Training curve, callbacks and early stopping
============================================

When has a fit learned enough? Watch the loss and the score of photos that were held out, and let
the fit stop by itself.
"""

# %%
# ``early_stopping=True`` holds a part of the photos out. Their PSNR decides: after
# ``n_iter_no_change`` epochs without a gain of ``tol`` dB the fit ends, and the weights of the
# best epoch are kept. Our photos are 12 patches of a motorcycle in a garage.

import matplotlib.pyplot as plt
import numpy as np

from skcolorize import Colorizer
from skcolorize.datasets import load_example_images
from skcolorize.inspection import TrainingCurveDisplay

photo = load_example_images().images[6]
corners = [(top, left) for top in (0, 150, 300) for left in (0, 180, 360, 540)]
patches = [photo[top : top + 200, left : left + 200] for top, left in corners]

colorizer = Colorizer(
    image_size=96,
    max_iter=30,
    early_stopping=True,
    validation_fraction=0.25,
    n_iter_no_change=3,
    tol=0.01,
    random_state=0,
)
colorizer.fit(patches)
print(f"{colorizer.n_iter_} epochs of 30, best score {colorizer.best_validation_score_:.2f} dB")

# %%

TrainingCurveDisplay.from_estimator(colorizer)

# %%
# scikit-learn's callbacks look on as well. A hook is called at the end of each epoch, and may
# stop the fit by returning True. If it asks for a ``fitted_estimator``, it gets one that is ready
# to predict. (``ProgressBar`` of the same module draws bars.)


class Watcher:
    """Colour a photo after each epoch; stop when its colours hardly change any more."""

    def __init__(self, photo, limit):
        self.photo, self.limit = photo, limit

    def setup(self, estimator, context):
        self.pictures = []

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        if context.task_name != "epoch":
            return False
        self.pictures.append(fitted_estimator.predict(self.photo))
        if len(self.pictures) < 2:
            return False
        before, after = (picture.astype(float) for picture in self.pictures[-2:])
        return np.abs(after - before).mean() < self.limit

    def teardown(self, estimator, context):
        pass


watcher = Watcher(photo[::2, ::2], limit=1)
watched = Colorizer(image_size=96, max_iter=15, random_state=0).set_callbacks(watcher)
watched.fit(patches)

epochs = sorted({1, 2, watched.n_iter_ // 2, watched.n_iter_})
fig, axes = plt.subplots(1, len(epochs), figsize=(10, 2.1), layout="constrained")
for ax, epoch in zip(axes, epochs, strict=True):
    ax.imshow(watcher.pictures[epoch - 1])
    ax.set_title(f"after epoch {epoch}", size=9)
    ax.set_axis_off()

# %%
# **To take away**: hold photos out to know when to stop; the training loss falls on and on. To
# look into a running fit, set a callback on the Colorizer.
