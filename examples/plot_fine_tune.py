"""
Fine-tune the embedded network on your own photos
=================================================

Do a few photos of your own help? The embedded network has seen many kinds of photos and guesses
the commonest colour. ``Colorizer().fit(photos)`` starts from it and goes on with yours.
"""

# %%
# A motorcycle is red because its owner chose so: nothing in the gray photo tells. The wheel of
# scikit-image has two photos of it, taken side by side. We learn from the left one and colour the
# right one. (With your own photos, pass a list of paths.)

import matplotlib.pyplot as plt
import numpy as np

from skcolorize import Colorizer
from skcolorize.datasets import load_example_images
from skcolorize.metrics import peak_signal_noise_ratio
from skcolorize.preprocessing import ImageLoader, ToGrayscale

left = load_example_images().filenames[6]
left, right = ImageLoader(max_size=480).transform([left, left.replace("left", "right")])
gray = ToGrayscale().transform(right)

# %%
# Each epoch draws one crop of each photo, at random. The single photo is given sixty times, as if
# there were sixty: what is learned from few photos is mixed with the embedded network at the end,
# lest everything else be forgotten.

embedded = Colorizer.from_pretrained()
fine_tuned = Colorizer(image_size=128, max_iter=5, random_state=0).fit([left] * 60)

# %%

pictures = {
    "gray": np.dstack([gray] * 3),
    "embedded": embedded.predict(gray),
    "fine-tuned": fine_tuned.predict(gray),
    "true": right,
}
fig, axes = plt.subplots(2, 2, figsize=(10, 7), layout="constrained")
for ax, (title, picture) in zip(axes.flat, pictures.items(), strict=True):
    psnr = peak_signal_noise_ratio(right, picture)
    ax.imshow(picture)
    ax.set_title(title if title == "true" else f"{title}, {psnr:.1f} dB")
    ax.set_axis_off()

# %%
# The loss of the training photos, epoch by epoch:

print(", ".join(f"{loss:.2f}" for loss in fine_tuned.loss_curve_))

# %%
# **To take away**: fitting is one line, and starts from the embedded network unless you ask for
# something else. This test is an easy one, the same scene again. How much you gain on yours is
# told by photos you keep back, and by :func:`skcolorize.metrics.evaluate`.
