"""Large photos in 8 bits by looking their colours up.

A photo of twelve megapixels shows a few thousand pairs of a and b that differ by half a unit, each at no more
than 256 lightnesses. Every such colour is blended once, and a pixel is one look at a table. L stays exact, a
and b are off by a quarter of a unit at most and, where they change slowly, by what they change within four
rows; a sample tells beforehand whether that is close enough.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from .. import _color_tables as tables
from .. import _strips as strips
from .blending import SHIFT_FROM_AB, Blender
from .enlarging import Enlarged, strip_rows

#: Of a photo; to blend the pixels of a smaller one takes little time anyway.
LEAST_PIXELS = 1_000_000

_STEPS = 0.5, 0.25, 0.15  # of a and b, in Lab units: finer ones where the first is too coarse
_CLOSE = 0.998  # of the levels of a sample are to be within one of what they should be, for 0.995 of all
_MOST_PAIRS = 2**18  # of a and b that a table has room for; what is not used of it takes no memory
_GRAYS = 32  # a row of the table holds so many gray levels of one pair
_SAMPLE = 400_000  # pixels or so tell which rows of the table to begin with
_CHECKED = 4096  # of them are blended both ways
_MANY = 1 / 16  # of a strip: if so many of its colours are unknown, those that follow will need them too
_LATE = 500_000  # pixels of unknown colour may wait for the end, in 16 bytes each
_LEAST_SIDE = 64  # of a photo
_STRIP = 4 * strips.STRIP  # pixels looked up at once: their calls are short, and threads wait at each
_COST = 3  # pixels looked up in the time that one colour takes to be blended
_SHARED = 8, 4, 2  # rows of a photo may share their a and b,
_SLOW = 1 / 16  # so many as make up no more than this part of a cell of the grid


def paint(gray: np.ndarray, ab: np.ndarray, pixels: np.ndarray, n_jobs: int | None = None) -> bool:
    """Colour a photo where looking colours up is as good as blending every pixel, and faster.

    Parameters
    ----------
    gray : contiguous uint8 array of shape (H, W)
        Gray levels.
    ab : float32 array of shape (h, w, 2)
        a and b in Lab units on a coarse grid, enlarged bilinearly.
    pixels : uint8 array of shape (H, W, 3) or (H, W, 4)
        Takes red, green and blue, and 255.
    n_jobs : int or None
        Threads, in joblib's terms.

    Returns
    -------
    painted : bool
        Whether it was done.
    """
    if gray.size < LEAST_PIXELS or min(gray.shape) < _LEAST_SIDE:
        return False
    with strips.touched_meanwhile(pixels, n_jobs):
        palette, rows = _close_enough(gray, ab)
    if palette is None:
        return False
    palette.fill(rows, n_jobs)
    palette.paint(gray, pixels, n_jobs)
    return True


def _close_enough(gray, ab):
    """The coarsest palette that will do, and the rows of its table to begin with; or None twice."""
    every = max(4, round((gray.size / _SAMPLE) ** 0.5))
    sample = np.ascontiguousarray(gray[every // 2 :: every, every // 2 :: every])
    most = _rows_shared(gray.shape[0], ab.shape[0])
    for step, shared in dict.fromkeys([(_STEPS[0], most), *((step, 1) for step in _STEPS)]):
        palette = _Palette(ab, step, shared)
        if palette.n_pairs > _MOST_PAIRS:
            break
        rows, is_close = palette.tried(sample, every)
        if rows.size * _GRAYS * _COST > gray.size:
            break
        if is_close:
            return palette, rows
    return None, None


def _rows_shared(height, coarse):
    """How many rows of a photo may have the a and b of their middle."""
    return next((n for n in _SHARED if height % n == 0 and n * coarse <= _SLOW * height), 1)


class _Palette:
    """The colours of a photo, in four bytes, by pair of a and b and by gray level; 0 where not known."""

    def __init__(self, ab, step, shared=1):
        self._shared = shared
        self._first = np.floor(ab.min(axis=(0, 1)) / step)
        n_a, n_b = (np.floor(ab.max(axis=(0, 1)) / step) - self._first).astype(int) + 2
        self.n_pairs, self._n_b = n_a * n_b, n_b
        self._pairs = (ab / step - self._first + 0.5).transpose(2, 0, 1).astype(np.float32)
        self._shift_step = (step * SHIFT_FROM_AB)[:, None].astype(np.float32)
        self._first_shift = self._shift_step * self._first[:, None].astype(np.float32)
        self._words = np.zeros((0, _GRAYS), np.uint32)  # until the first rows are filled

    def tried(self, gray, every):
        """Rows of the table that some pixels ask for, and whether these get the colours that they should.

        They lie ``every`` pixels apart.
        """
        index = np.empty(gray.size, np.intp)
        positions = self._locator(Enlarged(self._pairs, gray.shape), gray.size)(gray, index)
        random = np.random.default_rng(0)  # evenly they could all lie in one column
        some = np.sort(random.integers(0, gray.size - gray.shape[1], _CHECKED))
        levels, exact = gray.reshape(-1)[some], positions[:, some] - np.float32(0.5)
        below = positions[:, some + gray.shape[1]] - np.float32(0.5)
        # as far from the middle of rows that share as the outermost of them
        given = np.rint(exact + (below - exact) * np.float32((self._shared - 1) / 2 / every))
        make_colors = _color_maker(len(levels))
        wanted = make_colors(levels, self._shift(exact)).view(np.uint8).astype(np.int16)
        off = np.abs(make_colors(levels, self._shift(given)).view(np.uint8) - wanted)
        return self._rows_of(index), np.mean(off <= 1) >= _CLOSE

    def _shift(self, places):
        """Shift (2, n) of places (2, n) in the plane of a and b."""
        return places * self._shift_step + self._first_shift

    def _shift_of(self, pairs):
        """Shift (2, n) of the numbers of some pairs."""
        places = np.empty((2, len(pairs)), np.float32)
        places[0] = a = pairs // self._n_b  # with the product, a third of what `np.divmod` takes
        places[1] = pairs - a * self._n_b
        return self._shift(places)

    def _rows_of(self, index):
        used = np.zeros(self.n_pairs * (256 // _GRAYS), bool)
        used[index // _GRAYS] = True
        return np.flatnonzero(used)

    def _locator(self, grid, size, shared=1):
        """A function, for one thread, that writes where colours are in the table."""
        position_planes = strips.scratch_planes(2, size // shared)
        pair_planes = strips.scratch_planes(2, size // shared, dtype=np.int32)

        def locate(gray, index, start=0):
            """``index`` (n,) of some rows of the photo, from ``start`` on in those of the grid."""
            n_rows, width = len(gray) // shared, gray.shape[1]
            positions, pairs = position_planes[:, : n_rows * width], pair_planes[:, : n_rows * width]
            grid.write_rows(start, start + n_rows, positions.reshape(2, n_rows, width))
            np.copyto(pairs, positions, casting="unsafe")
            pair, b = pairs
            pair *= self._n_b
            pair += b
            pair *= 256
            rows = n_rows, shared, width
            np.add(pair.reshape(n_rows, 1, width), gray.reshape(rows), out=index.reshape(rows))
            return positions

        return locate

    def fill(self, rows, n_jobs=None):
        """Blend the colours of some rows of the table."""
        if not self._words.size:
            self._words = np.zeros((self.n_pairs * (256 // _GRAYS), _GRAYS), np.uint32)

        def make_kernel(n_rows):
            make_colors = _color_maker(n_rows * _GRAYS)

            def kernel(start, stop):
                pair, block = np.divmod(rows[start:stop], 256 // _GRAYS)
                gray = (block * _GRAYS).astype(np.uint8)[:, None] + np.arange(_GRAYS, dtype=np.uint8)
                shift = self._shift_of(pair)
                self._words[rows[start:stop]] = make_colors(gray, shift[:, :, None])

            return kernel

        strips.share_strips(make_kernel, len(rows), strips.STRIP // _GRAYS, n_jobs)

    def paint(self, gray, pixels, n_jobs=None):
        """Look the colours of all pixels up."""
        (height, width), shared = gray.shape, self._shared
        grid = Enlarged(self._pairs, gray.shape, shared)
        table, flat = self._words.reshape(-1), pixels.reshape(-1, pixels.shape[2])
        late: list[tuple[np.ndarray, np.ndarray]] = []  # unknown pixels, and their places in the table

        def make_kernel(n_rows):
            size = n_rows * shared * width
            locate = self._locator(grid, size, shared)
            index_all = strips.scratch_planes(size, dtype=np.intp)
            words_all = strips.scratch_planes(size, dtype=np.uint32)

            def kernel(start, stop):
                rows = slice(start * shared, stop * shared)
                strip = flat[rows.start * width : rows.stop * width]
                index, words = index_all[: len(strip)], words_all[: len(strip)]
                if strip.shape[1] == 4:
                    words = strip.view(np.uint32)[:, 0]
                locate(gray[rows], index, start)
                np.take(table, index, out=words, mode="clip")
                if words.min() == 0:
                    unknown = np.flatnonzero(words == 0)
                    places = index[unknown]
                    if unknown.size > _MANY * len(strip) or sum(u.size for u, _ in late) > _LATE:
                        self.fill(self._rows_of(places))
                        words[unknown] = table[places]
                    else:
                        late.append((rows.start * width + unknown, places))
                if strip.shape[1] == 3:
                    _write_words(words, strip)

            return kernel

        strips.share_strips(make_kernel, height // shared, strip_rows(width * shared, _STRIP), n_jobs)
        if late:
            unknown, places = map(np.concatenate, zip(*late, strict=True))
            self._paint_late(unknown, places, flat, n_jobs)

    def _paint_late(self, unknown, places, flat, n_jobs):
        """Blend the pixels whose colours the table does not hold."""
        n_channels = flat.shape[1]
        whole = flat.view(f"V{n_channels}")[:, 0]

        def make_kernel(size):
            make_colors = _color_maker(size)
            colors_all = np.empty((size, n_channels), np.uint8)

            def kernel(start, stop):
                some = places[start:stop]
                colors = colors_all[: len(some)]
                _write_words(make_colors(some.astype(np.uint8), self._shift_of(some >> 8)), colors)
                whole[unknown[start:stop]] = colors.view(whole.dtype)[:, 0]

            return kernel

        strips.share_strips(make_kernel, len(unknown), strips.STRIP // 2, n_jobs)  # few: some for each thread


def _write_words(words, out):
    """Write words, or the first three bytes of each, to the rows of contiguous ``out`` (n, 4) or (n, 3).

    Three bytes as whole words, each over the last byte of the one before: a third of the time of three
    planes of bytes.
    """
    if out.shape[1] == 4:
        out.view(np.uint32)[:, 0] = words
        return
    np.ndarray(len(words) - 1, np.uint32, out, strides=(3,))[:] = words[:-1]
    out[-1] = words[-1:].view(np.uint8)[:3]


@cache
def _word_tables():
    """Levels of red, of green and of blue by the bits of linear values, each in its byte of four."""
    levels = tables.gamma_table()
    words = np.zeros((3, len(levels), 4), np.uint8)
    for channel in range(3):
        words[channel, :, channel] = levels
    words[0, :, 3] = 255
    return words.view(np.uint32)[..., 0]


def _color_maker(size):
    """A function, for one thread, that blends colours and gives them in four bytes, the last 255."""
    blender = Blender(size)
    index_all = strips.scratch_planes(size, dtype=np.intp)
    words_all, some_all = strips.scratch_planes(2, size, dtype=np.uint32)

    def make_colors(gray, shift):
        """uint32, until the next call, of gray levels of a shape and shifts that spread over (2, *shape)."""

        def write_shift(y, out, spare):
            out.reshape(2, *gray.shape)[...] = shift

        index, words, some = (row[: gray.size] for row in (index_all, words_all, some_all))
        linear = blender.blend(gray.reshape(-1), write_shift)[0]
        words[:] = 0
        for plane, table in zip(linear, _word_tables(), strict=True):
            tables.gamma_index(plane, index)
            np.take(table, index, out=some, mode="clip")
            words |= some
        return words.reshape(gray.shape)

    return make_colors
