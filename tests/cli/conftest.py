"""A folder of photos, and a small model as a file."""

import pytest
from photo_files import gray_scene, scene
from PIL import Image

from skcolorize import Colorizer


@pytest.fixture
def photos(tmp_path):
    """Two photos, one of them gray, in a folder and one in it."""
    (tmp_path / "in/deeper").mkdir(parents=True)
    Image.fromarray(gray_scene()).save(tmp_path / "in/a.png")
    Image.fromarray(scene()).save(tmp_path / "in/deeper/b & <c>.png")
    return tmp_path / "in"


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    """Weights of a network that has learned next to nothing."""
    path = tmp_path_factory.mktemp("model") / "small.npz"
    colorizer = Colorizer(
        "squeezenet1_1", weights=None, image_size=32, max_iter=1, augment=False, random_state=0
    )
    colorizer.fit([scene()]).save_weights(path)
    return str(path)
