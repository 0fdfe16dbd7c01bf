"""
Saving and loading
==================

How do I keep a model, and how do I pass it to someone? Two files, for two purposes.
"""

# %%
# ``save_weights`` writes one ``.npz``: arrays, a header, a checksum, and no code. This is the
# file to share.

import tempfile
from pathlib import Path

import joblib
import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone

from skcolorize import Colorizer
from skcolorize.datasets import load_example_images

folder = Path(tempfile.mkdtemp())
photos = load_example_images().images
colorizer = Colorizer(image_size=64, max_iter=1, random_state=0).fit(photos[:3])

path = folder / "model.npz"
colorizer.save_weights(path)
loaded = Colorizer.from_pretrained(path)
same = np.array_equal(loaded.predict(photos[4]), colorizer.predict(photos[4]))
print(f"{path.stat().st_size / 1e6:.1f} MB, the same picture: {same}")

fig, ax = plt.subplots(figsize=(4, 2.8), layout="constrained")
ax.imshow(loaded.predict(photos[4]))
ax.set(title="coloured by the model of the file", xticks=[], yticks=[])

# %%
# A clone goes on from these weights, since the parameter ``weights`` is the path:

further = clone(loaded).set_params(max_iter=1, random_state=0).fit(photos[3:5])
print(further.weights.name, further.n_iter_)

# %%
# A file that was altered is refused, not used:

broken = folder / "broken.npz"
broken.write_bytes(path.read_bytes()[:-1000])
try:
    Colorizer.from_pretrained(broken)
except ValueError as error:
    print(str(error).replace(str(folder), "..."))

# %%
# ``joblib.dump`` keeps any estimator, also a pipeline or a search around it. Loading such a file
# runs what is in it: only load your own. ``mmap_mode`` lets several processes share one copy.

joblib.dump(colorizer, folder / "model.joblib")
loaded = joblib.load(folder / "model.joblib", mmap_mode="r")
print(np.array_equal(loaded.predict(photos[4]), colorizer.predict(photos[4])))

# %%
# **To take away**: ``.npz`` for others and for years, ``joblib`` for your own work in progress.
