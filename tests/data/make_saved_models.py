"""Save a fitted model as this version does, for all later ones to load; run it as a script.

A SqueezeNet cut off after its second tap, with a narrow decoder, so that the files stay small. Never make the
files of an older version anew: a new version adds its own.
"""

import sys
import tempfile
from pathlib import Path

import joblib
import numpy as np
import torch

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER.parent))


def main() -> None:
    from small import made_up_photos

    from skcolorize import Colorizer, __version__
    from skcolorize.inference.decoding import Decoding
    from skcolorize.networks import ab_bins, build_network, network_config
    from skcolorize.training.start import write_weights

    photos = made_up_photos(4)
    bins = torch.from_numpy(ab_bins())
    network = build_network(
        network_config("squeezenet1_1", taps=["features.4", "features.7"], widths=[16, 16])
    )
    decoding = Decoding(bins, torch.full((len(bins),), 1 / len(bins)))
    with tempfile.TemporaryDirectory() as folder:
        write_weights(f"{folder}/start.npz", network, decoding, {})
        colorizer = Colorizer.from_pretrained(
            f"{folder}/start.npz", weights=None, warm_start=True, image_size=32, max_iter=40, random_state=0
        )
        colorizer.set_params(learning_rate_init=1e-2, augment=False, precision="float32").fit(photos)
    with torch.no_grad():  # half as many digits to store
        for tensor in colorizer.module_.parameters():
            tensor.copy_(tensor.half())
    colorizer.set_params(warm_start=False)
    joblib.dump(colorizer, FOLDER / f"colorizer-{__version__}.joblib", compress=("zlib", 9))
    params = dict(image_size=32, max_iter=1)
    write_weights(
        FOLDER / f"weights-{__version__}.npz", colorizer.module_, colorizer._decoding, params, half=True
    )
    np.savez_compressed(
        FOLDER / f"pictures-{__version__}.npz", photos=photos, pictures=colorizer.predict(photos)
    )


if __name__ == "__main__":
    main()
