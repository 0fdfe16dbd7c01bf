"""Large JPEG by several threads: each codes bands of the image, which restart markers keep apart.

Between two of them (ITU-T T.81, E.1.4) nothing is carried on, so what a band is coded as does not depend on
the ones before. The file is the same, byte for byte, as one thread writes it.
"""

from __future__ import annotations

import tempfile
from typing import Any, BinaryIO

from PIL import Image

from .. import _strips as strips

_BLOCK = 16  # pixels a side, of what is coded together where chroma is halved both ways, as Pillow does
_BAND = 2**20  # pixels or so, 4096 blocks (of 65,535 that may lie between two markers)
_FRAME, _SCAN, _FIRST_RESTART = 0xC0, 0xDA, 0xD0  # markers: SOF0, SOS, RST0
_END = b"\xff\xd9"


def save_jpeg(image: Image.Image, file: BinaryIO, n_jobs: int | None = None, **options: Any) -> None:
    """Write an image as JPEG, one of more than a band of a megapixel or so with restart markers.

    Parameters
    ----------
    image : PIL.Image.Image
    file : binary file
    n_jobs : int or None
        Threads, in joblib's terms; None is one.
    **options
        Of ``Image.save``, as Pillow has them for baseline JPEG.
    """
    height = max(1, _BAND // (image.width * _BLOCK)) * _BLOCK  # of a band
    tops = range(0, image.height, height)
    has_bands = len(tops) > 1 and image.mode in {"RGB", "RGBX"}
    if has_bands:
        options["restart_marker_blocks"] = -(-image.width // _BLOCK) * height // _BLOCK
    if not has_bands or strips.threads_of(n_jobs) == 1:
        image.save(file, "JPEG", **options)
        return
    bare = {name: value for name, value in options.items() if name in {"quality", "restart_marker_blocks"}}
    coded = [b""] * len(tops)

    def make_kernel(_):
        band = Image.new(image.mode, (image.width, height))  # `crop` asks for new memory: 3 ns a pixel

        def kernel(start, stop):
            for i in range(start, stop):
                band.paste(image, (0, -tops[i]))
                part = band if i + 1 < len(tops) else band.crop((0, 0, image.width, image.height - tops[i]))
                with tempfile.TemporaryFile() as own:  # in memory, Pillow would keep other threads waiting
                    part.save(own, "JPEG", **(bare if i else options))
                    own.seek(0)
                    coded[i] = own.read()

        return kernel

    strips.share_strips(make_kernel, len(tops), 1, n_jobs)
    for i, part in enumerate(coded):
        size, scan = _places(part)
        if i:
            file.write(bytes([0xFF, _FIRST_RESTART + (i - 1) % 8]))
        else:
            file.write(part[:size] + image.height.to_bytes(2, "big") + part[size + 2 : scan])
        file.write(memoryview(part)[scan : -len(_END)])
    file.write(_END)


def _places(coded: bytes) -> tuple[int, int]:
    """Where a JPEG tells its height, and where its header ends."""
    size, marker, end = 0, 0, 2
    while marker != _SCAN:
        start, marker = end, coded[end + 1]
        end = start + 2 + int.from_bytes(coded[start + 2 : start + 4], "big")
        if marker == _FRAME:
            size = start + 5
    return size, end
