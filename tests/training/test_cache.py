"""Photos are decoded once, kept at training size, and leave nothing behind."""

import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from PIL import Image
from small import made_up_photos

from skcolorize.color import rgb_to_lab
from skcolorize.preprocessing import ToGrayscale
from skcolorize.training.cache import ArrayStore, cache_photos, memory_limit, warn_if_tinted

PHOTOS = made_up_photos(4)


def cached(items, targets=None, image_size=32, **options):
    return cache_photos(items, "photo {}".format, targets, image_size, **options)


def contents(store) -> list:
    return [np.array(store[i]) for i in range(len(store))]


# ------------------------------------------------------------------ the store


def test_arrays_of_all_kinds_come_back_from_memory_and_file():
    rng = np.random.default_rng(0)
    arrays = [
        rng.integers(0, 256, (5, 7, 3), dtype=np.uint8),
        rng.normal(size=33).astype(np.float16),
        rng.normal(size=(3, 4)).T,
        np.arange(9, dtype=np.uint16)[::2],
    ]
    for limit in (10**6, 150, 0):
        store = ArrayStore(limit)
        for array in arrays:
            store.append(array)
            np.testing.assert_array_equal(store[len(store) - 1], array)  # also between two writes
        for got, array in zip(contents(store), arrays, strict=True):
            np.testing.assert_array_equal(got, array)
            assert got.dtype == array.dtype
        assert store.spilled == (limit < 10**6)


def test_the_limit_is_a_gigabyte_or_a_quarter_of_what_is_free():
    assert 0 < memory_limit() <= 2**30


def test_a_spilled_cache_is_the_same_cache(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    photos = list(PHOTOS) * 3
    in_memory, in_file = cached(photos), cached(photos, limit=3 * 32 * 45 * 3)
    assert in_file.photos.spilled and not in_memory.photos.spilled
    for one, other in zip(contents(in_memory), contents(in_file), strict=True):
        np.testing.assert_array_equal(one, other)
    assert list(tmp_path.iterdir()) == []  # the file has no name


def run_script(script: str, **environment):
    environment |= {"PYTHONPATH": ":".join(filter(None, sys.path))}
    done = [sys.executable, "-c", textwrap.dedent(script)]
    return subprocess.run(done, env={**os.environ, **environment}, capture_output=True, text=True)


@pytest.mark.skipif(sys.platform == "win32", reason="an open file has a name there, and there is no SIGKILL")
def test_a_killed_process_leaves_no_file_behind(tmp_path):
    script = """
        import os, signal, numpy as np
        from skcolorize.training.cache import ArrayStore
        store = ArrayStore(0)
        store.append(np.zeros(10**6, np.uint8))
        assert store[0].sum() == 0 and store.spilled
        os.kill(os.getpid(), signal.SIGKILL)
    """
    done = run_script(script, TMPDIR=str(tmp_path))
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="reads the process's own memory from /proc")
def test_memory_is_bounded_whatever_is_kept(tmp_path):
    script = """
        import numpy as np
        from skcolorize.training.cache import ArrayStore

        def own():  # kB; what is mapped from the file can be taken away at any time
            return int(next(l for l in open("/proc/self/status") if l.startswith("RssAnon")).split()[1])

        store, before = ArrayStore(10 * 2**20), own()
        for i in range(100):
            store.append(np.full(2 * 2**20, i, np.uint8))
        assert all(store[i][-1] == i for i in range(100)) and store.n_bytes == 200 * 2**20
        print((own() - before) / 1024)
    """
    done = run_script(script, TMPDIR=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert 9 < float(done.stdout) < 20


# ------------------------------------------------------------------ the photos


def test_the_short_side_is_the_image_size():
    shapes = {(40, 56): (32, 45), (100, 40): (80, 32), (16, 16): (32, 32), (30, 3000): (32, 96)}
    for (height, width), expected in shapes.items():
        photo = np.asarray(Image.fromarray(PHOTOS[0]).resize((width, height)))
        assert cached([photo])[0].shape == (*expected, 3)


def test_a_pair_squeezes():
    assert cached(list(PHOTOS[:1]), image_size=(32, 96))[0].shape == (32, 96, 3)


def test_a_photo_at_size_is_kept_as_it_is():
    photo = made_up_photos(1, 32, 50)[0]
    np.testing.assert_array_equal(cached([photo])[0], photo)
    for same in (photo / 255, photo.astype(np.uint16) * 257):
        np.testing.assert_array_equal(cached([same])[0], photo)


def test_the_gray_input_is_a_fourth_channel():
    gray = ToGrayscale().transform(PHOTOS)[
        ..., ::-1
    ]  # turned round, so that it is told from the colours' own
    cache = cached(list(gray), list(PHOTOS))
    plain = cached(list(PHOTOS))
    for i in range(len(PHOTOS)):
        np.testing.assert_array_equal(cache[i][..., :3], plain[i])
        shown = np.asarray(Image.fromarray(gray[i]).resize((45, 32), Image.Resampling.LANCZOS))
        assert np.abs(cache[i][..., 3].astype(int) - shown).max() <= 1


def test_a_target_of_another_size_and_the_same_aspect():
    gray = ToGrayscale().transform(PHOTOS[0])
    large = np.asarray(Image.fromarray(gray).resize((560, 404)))  # 1 % off
    cache = cached([large], [PHOTOS[0]])
    assert cache[0].shape == (32, 45, 4)
    with pytest.raises(ValueError, match=r"photo 0 is 412 x 560 pixels .* target in y is 40 x 56"):
        cached([np.asarray(Image.fromarray(gray).resize((560, 412)))], [PHOTOS[0]])


def test_a_pair_squeezes_all_of_a_long_photo():
    """As `predict` does; of a photo that keeps its aspect the middle is enough."""
    photo = np.zeros((40, 320, 3), np.uint8)
    photo[:, :100, 0] = photo[:, 100:220, 1] = photo[:, 220:, 2] = 200
    whole, middle = (cached([photo], image_size=size)[0] for size in ((32, 64), 32))
    assert whole[0, 0].argmax() == 0 and whole[0, -1].argmax() == 2
    assert middle[0, 0].argmax() == middle[0, -1].argmax() == 1


def test_skipped_photos_are_told_in_order(tmp_path):
    gray = ToGrayscale().transform(PHOTOS[0])
    for n_jobs in (None, 3):
        cache = cached([PHOTOS[0], gray, str(tmp_path / "no.png"), PHOTOS[1]], n_jobs=n_jobs)
        assert [index for index, _, _ in cache.skipped] == [1, 2]
        assert [name for _, name, _ in cache.skipped] == ["photo 1", "photo 2"]
        assert "is gray" in cache.skipped[0][2] and "is missing" in cache.skipped[1][2]
        np.testing.assert_array_equal(cache[1], cached([PHOTOS[1]])[0])
    assert "the target of photo 0 is missing" in cached([PHOTOS[0]], [tmp_path / "no.png"]).skipped[0][2]
    assert cached([PHOTOS[0]], [gray]).skipped  # no colours to learn from


def test_paths_are_as_arrays(tmp_path):
    for i, photo in enumerate(PHOTOS):
        Image.fromarray(photo).save(tmp_path / f"{i}.png")
    paths = [tmp_path / f"{i}.png" for i in range(len(PHOTOS))]
    for one, other in zip(contents(cached(paths, n_jobs=2)), contents(cached(PHOTOS)), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_large_jpeg_is_decoded_small_and_looks_alike(tmp_path):
    large = made_up_photos(1, 1200, 1600)[0]
    Image.fromarray(large).save(tmp_path / "a.jpg", quality=95)
    small, exact = cached([tmp_path / "a.jpg"], image_size=64)[0], cached([large], image_size=64)[0]
    assert small.shape == exact.shape == (64, 85, 3)
    assert np.abs(rgb_to_lab(small) - rgb_to_lab(exact)).mean() < 1


def test_one_hue_in_all_photos_is_warned_of():
    gray = ToGrayscale().transform(PHOTOS)[..., None] / 255
    sepia = np.rint(255 * gray ** [0.8, 1.0, 1.3]).astype(np.uint8)
    warn_if_tinted(cached(list(PHOTOS)))  # warnings are errors
    warn_if_tinted(cached([*sepia, *PHOTOS[:1]]))
    with pytest.warns(UserWarning, match="one hue"):
        warn_if_tinted(cached(list(sepia)))
