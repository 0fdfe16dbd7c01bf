"""One self-contained page: every photo before and after, under a slider for mouse, touch and keyboard."""

from __future__ import annotations

import base64
import html
import io
import os
import posixpath
import re
from collections.abc import Iterable
from urllib.parse import quote

from PIL import Image

from .._batch._plan import numbered
from ..images import PhotoError, read_photo, tiff_pages
from ..images.decode import as_levels
from ..images.storage import is_remote, replace_whole

LONGEST = 800  # side of the embedded copies, in pixels
_SIZE_WIDTH = 9  # characters kept free for the page's own size

_HEAD = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>Coloured photos</title>
<style>
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { margin: 0 auto; max-width: 1680px; padding: 1rem }
main { display: grid; gap: 1.5rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 24rem), 1fr)) }
figure { margin: 0; content-visibility: auto; contain-intrinsic-size: auto 24rem }
figcaption, li { overflow-wrap: anywhere }
.pair { position: relative; --at: 50% }
.pair:focus-within { outline: 3px solid Highlight; outline-offset: 2px }
.pair img { display: block; width: 100%; height: auto }
.pair img:first-child { clip-path: inset(0 0 0 var(--at)) }
.pair img + img { position: absolute; inset: 0; clip-path: inset(0 calc(100% - var(--at)) 0 0) }
.pair::after { content: ""; position: absolute; top: 0; bottom: 0; left: var(--at); width: 2px;
  margin-left: -1px; background: #fff; box-shadow: 0 0 3px #000; pointer-events: none }
.pair input { position: absolute; inset: 0; width: 100%; height: 100%; margin: 0; opacity: 0;
  cursor: ew-resize; touch-action: pan-y }
</style>
"""

_SCRIPT = """<script>
for (const input of document.querySelectorAll(".pair input")) {
  const show = () => input.parentElement.style.setProperty("--at", input.value + "%");
  input.addEventListener("input", show);
  input.addEventListener("pointermove", event => {
    if (event.pointerType !== "mouse" && !event.buttons) return;
    const box = input.getBoundingClientRect();
    input.value = 100 * (event.clientX - box.left) / box.width;
    show();
  });
  show();
}
</script>
"""


def write_page(path: str, rows: Iterable[dict], n_alternatives: int = 0) -> int:
    """Write the page beside the outputs, whole or not at all.

    Parameters
    ----------
    path : str
        File or address of the page.
    rows : iterable of dict
        Of a manifest: those that are not failed are shown, the others listed.
    n_alternatives : int, default=0
        Alternatives that were written beside each photo, and are linked to.

    Returns
    -------
    size : int
        Bytes of the page.
    """
    folder = path.rpartition("/")[0] if is_remote(path) else os.path.dirname(os.path.abspath(path))
    shown, failures = 0, []
    with replace_whole(path) as file:

        def write(text: str) -> None:
            file.write(text.encode(errors="replace"))  # a name need not be UTF-8

        write(_HEAD)
        write('<h1>Coloured photos</h1>\n<p>Colours are inferred, not known. This page: <span id="size">')
        place = file.tell()
        write(" " * _SIZE_WIDTH + "</span>, complete in this one file.</p>\n<main>\n")
        for row in rows:
            if row["status"] == "failed":
                failures.append(row)
                continue
            try:
                write(_figure(row, folder, n_alternatives))
                shown += 1
            except (PhotoError, OSError) as error:
                failures.append(row | {"error": str(error)})
        write(f"</main>\n<p>{shown} photos.</p>\n")
        if failures:
            write(f'<h2>{len(failures)} failed</h2>\n<ul id="failures">\n')
            for row in failures:
                write(f"<li>{html.escape(row['source'])}: {html.escape(row['error'])}</li>\n")
            write("</ul>\n")
        write(_SCRIPT + "</html>\n")
        size = file.tell()
        file.seek(place)
        write(f"{size / 1e6:.1f} MB".rjust(_SIZE_WIDTH))
        file.seek(0, io.SEEK_END)
    return size


def _figure(row: dict, folder: str, n_alternatives: int) -> str:
    name = _below(row["path"], folder)
    after, (width, height) = _copy(row["path"], None)
    before, _ = _copy(row["source"], _page(row))
    links = [_link(name, posixpath.basename(name))]
    links += [_link(numbered(name, i), str(i)) for i in range(1, n_alternatives + 1)]
    label = html.escape(f"{name}: from colour to gray", quote=True)
    size = f'width="{width}" height="{height}"'
    return (
        f'<figure><div class="pair"><img {size} alt="coloured" src="{after}">'
        f'<img {size} alt="before" src="{before}">'
        f'<input type="range" min="0" max="100" value="50" step="any" aria-label="{label}"></div>\n'
        f"<figcaption>{' '.join(links)}</figcaption></figure>\n"
    )


def _link(name: str, text: str) -> str:
    return f'<a href="{quote(name, errors="surrogateescape")}">{html.escape(text)}</a>'


def _below(path: str, folder: str) -> str:
    if is_remote(path):
        return path[len(folder) + 1 :]
    return os.path.relpath(path, folder).replace(os.sep, "/")


def _page(row: dict) -> int | None:
    """Which page of its source a photo is."""
    number = re.search(r"-page-(\d+)\.[^.]+$", row["path"])
    if number is None:
        return None
    pages = tiff_pages(row["source"])
    return pages[int(number[1]) - 1] if len(pages) > 1 else None


def _copy(path: str, page: int | None) -> tuple[str, tuple[int, int]]:
    """A small copy of a photo as a data address, and its width and height."""
    photo = read_photo(path, max_size=LONGEST, page=page or 0)
    image = Image.fromarray(photo.with_alpha(as_levels(photo.pixels, "uint8")))
    with io.BytesIO() as file:
        image.save(file, "WEBP", quality=80, method=2)
        return "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode(), image.size
