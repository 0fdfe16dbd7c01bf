"""The smallest Colorizer and a few made-up photos, for tests that do not look at colours."""

import numpy as np

from skcolorize import Colorizer
from skcolorize.networks.weights import network_state


def small(**params) -> Colorizer:
    """A Colorizer whose fit on a few photos takes a fraction of a second, without any download."""
    defaults = dict(
        encoder="squeezenet1_1", weights=None, image_size=32, max_iter=2, precision="float32", random_state=0
    )
    return Colorizer(**{**defaults, **params})


def made_up_photos(n: int = 6, height: int = 40, width: int = 56) -> np.ndarray:
    """A stack (n, height, width, 3), uint8: smooth scenes of many hues, each another one."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:height, 0:width] / [[[height]], [[width]]]
    waves = rng.uniform(-5, 5, size=(2, n, 1, 1, 3))
    phases = rng.uniform(0, 6.28, size=(n, 1, 1, 3))
    values = 0.5 + 0.45 * np.sin(waves[0] * y[None, ..., None] + waves[1] * x[None, ..., None] + phases)
    return np.rint(255 * values).astype(np.uint8)


def same_weights(a: Colorizer, b: Colorizer) -> bool:
    """Whether two fitted Colorizers have the same weights, bit for bit."""
    one, other = network_state(a.module_), network_state(b.module_)
    return one.keys() == other.keys() and all((one[k] == other[k]).all() for k in one)


class Stopper:
    """A callback that asks to stop after the second epoch; here, so that worker processes can import it."""

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        return context.task_name == "epoch" and context.task_id == 1
