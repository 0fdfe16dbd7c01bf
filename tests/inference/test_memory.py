"""Memory of whole photos and of streams of them."""

import sys

import pytest
from memory import growth_of_a_stream, peak_of_a_file

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads the process's own memory from /proc")


@pytest.mark.parametrize(("megapixels", "limit"), [(12, 165), pytest.param(100, 600, marks=pytest.mark.slow)])
def test_a_file_to_a_file(tmp_path, megapixels, limit):
    """The photo takes a byte a pixel and the picture four; beside them there are a few strips."""
    peak = peak_of_a_file(tmp_path, megapixels)
    print(f"\n{megapixels} megapixels, file to file: {peak:.0f} MB over the imports")
    assert 4 * megapixels < peak < limit


@pytest.mark.parametrize("n_photos", [40, pytest.param(1000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("how", ["predict_iter", "command line"])
def test_a_stream_of_photos_takes_the_memory_of_a_few(tmp_path, n_photos, how):
    """From the tenth photo on memory does not grow: by a tenth of what the pictures would take, if kept."""
    growth = growth_of_a_stream(tmp_path, n_photos, how)
    print(f"\n{n_photos} photos of a megapixel by {how}: grown by {growth:.1f} MB after the tenth")
    assert growth < min(3.0 * n_photos / 10, 30)
