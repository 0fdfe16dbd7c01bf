"""Tables as photos, so that scikit-learn's estimator checks, which know only tables, run on ours."""

import numpy as np
from sklearn.utils.validation import check_is_fitted, validate_data

from skcolorize import Colorizer, preprocessing

SIDE = 8  # pixels of a photo made of a row; the working size is larger


def photos_of(X: np.ndarray) -> np.ndarray:
    """A stack (n_rows, SIDE, SIDE, 3) of uint8 photos; equal rows give equal photos."""
    values = 1 / (1 + np.exp(-np.clip(X, -30, 30)))
    repeats = -(-SIDE * SIDE * 3 // X.shape[1])
    tiled = np.tile(values, (1, repeats))[:, : SIDE * SIDE * 3]
    phases = np.linspace(0, 1, SIDE * SIDE * 3)  # so that a row of equal values is no gray photo
    return (
        np.rint(255 * (0.5 * tiled + 0.5 * (phases + tiled) % 1)).astype(np.uint8).reshape(-1, SIDE, SIDE, 3)
    )


class Tabular:
    """Mixin that gives an estimator of photos the interface of an estimator of tables."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        tags.input_tags.three_d_array = False
        tags.input_tags.string = False
        tags.requires_fit = True
        return tags

    def fit(self, X, y=None):
        X = validate_data(self, X, dtype="float64")
        if y is not None:
            y = np.asarray(y)
            if len(y) != len(X):
                raise ValueError("X and y have different numbers of samples")
        return super().fit(photos_of(X))

    def _photos(self, X):
        check_is_fitted(self)
        return photos_of(validate_data(self, X, dtype="float64", reset=False))

    def transform(self, X):
        photos = self._photos(X)
        return super().transform(photos).reshape(len(photos), -1)


class TabularColorizer(Tabular, Colorizer):
    """The Colorizer with the smallest network and the shortest fit, on tables."""

    _parameter_rules = {}

    def __init__(self, encoder="squeezenet1_1", *, random_state=0, max_iter=1, image_size=32):
        super().__init__(
            encoder,
            weights=None,
            random_state=random_state,
            max_iter=max_iter,
            image_size=image_size,
            batch_size=16,
            precision="float32",
            augment=False,
        )

    def partial_fit(self, X, y=None):
        X = validate_data(self, X, dtype="float64", reset=not hasattr(self, "module_"))
        return super().partial_fit(photos_of(X))

    def predict(self, X):
        photos = self._photos(X)
        return super().predict(photos).reshape(len(photos), -1).astype(np.float64)

    def predict_confidence(self, X):
        photos = self._photos(X)
        return super().predict_confidence(photos).reshape(len(photos), -1)

    def score(self, X, y=None):
        return super().score(self._photos(X))

    def sample_y(self, X, n_samples=3, random_state=None):
        return super().sample_y(self._photos(X), n_samples, random_state)


class TabularRGBToLab(Tabular, preprocessing.RGBToLab):
    pass


class TabularToGrayscale(Tabular, preprocessing.ToGrayscale):
    pass


class TabularImageLoader(Tabular, preprocessing.ImageLoader):
    pass


class TabularLab(Tabular):
    """For transformers that take float arrays of three channels."""

    def _photos(self, X):
        return super()._photos(X).astype(np.float32)


class TabularLabToRGB(TabularLab, preprocessing.LabToRGB):
    pass


class TabularLabScaler(TabularLab, preprocessing.LabScaler):
    pass
