"""What a worker does: read a file, colour its photos, write them; what fails becomes a row that says so."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from ..images import Photo, read_photo, tiff_pages, write_photo
from ..images.storage import exists, is_remote, make_folder, open_file
from ._model import unpacked
from ._plan import Task

Row = dict[str, Any]
COLUMNS = ("source", "path", "status", "error", "seconds", "width", "height")


@dataclass(frozen=True)
class Orders:
    """What holds for every photo of a job."""

    quality: int
    n_alternatives: int
    seed: int
    comment: str
    skip: bool
    storage_options: dict | None
    model_key: str | None  # of the bytes it is packed in; None where it is sent as it is
    process: int  # which asked for the job
    max_pixels: int | None  # Pillow's limit there
    n_threads: int | None  # PyTorch's, in each other process; None leaves them alone
    n_jobs: int | None  # threads that share the writing of one photo


def color_shard(tasks: list[Task], sent: Any, orders: Orders) -> list[Row]:
    """Colour some files with the model that was sent: a row for each photo in them."""
    model = sent if orders.model_key is None else unpacked(sent, orders.model_key)
    elsewhere = os.getpid() != orders.process
    if elsewhere:  # who asked has said what is trusted; it stays, as other threads may be at work
        Image.MAX_IMAGE_PIXELS = orders.max_pixels
    with torch_threads(orders.n_threads if elsewhere else None):
        return [row for task in tasks for row in color_file(task, model, orders)]


@contextmanager
def torch_threads(n_threads: int | None) -> Iterator[None]:
    """Let PyTorch, where it is loaded, compute in so many threads for a while; None leaves it alone."""
    torch = sys.modules.get("torch")
    if n_threads is None or torch is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def color_file(task: Task, model: Any, orders: Orders) -> list[Row]:
    """Colour one file: a row, or one for each page of a TIFF."""
    item: str | bytes = task.source
    try:
        if is_remote(task.source):
            with open_file(task.source, storage_options=orders.storage_options) as file:
                item = file.read()
        pages = tiff_pages(item, name=repr(task.source))
    except Exception as error:
        return [failure(task, error)]
    if len(pages) == 1:
        return [_color_page(task, item, None, task.names(orders.n_alternatives), model, orders)]
    return [
        _color_page(task, item, page, task.names(orders.n_alternatives, i), model, orders)
        for i, page in enumerate(pages, 1)
    ]


def failure(task: Task, error: Exception | str, path: str | None = None) -> Row:
    """The row of a photo that could not be coloured."""
    text = str(error) or type(error).__name__
    return _row(task, path or task.output, "failed", error=" ".join(text.split()))


def skipped(task: Task, path: str | None = None) -> Row:
    """The row of a photo whose output is there already."""
    return _row(task, path or task.output, "skipped")


def _row(task: Task, path: str, status: str, **known: Any) -> Row:
    return dict.fromkeys(COLUMNS, "") | {"source": task.source, "path": path, "status": status} | known


def _colored(photo: Photo, model: Any) -> np.ndarray | Image.Image:
    """The coloured photo; by Colorizer as an image, which takes less memory and time to write."""
    if hasattr(model, "_predict_image"):
        return model._predict_image(photo)
    picture = model.predict(photo.pixels)
    (height, width), (h, w) = photo.pixels.shape[:2], picture.shape[:2]
    if (h, w) != (height, width):
        raise ValueError(
            f"the model made a picture of {w} x {h} pixels of a photo of {width} x {height}: files keep their"
            " size. Of a pipeline that resizes photos, hand over the last step, pipeline[-1]."
        )
    return picture


def _color_page(task, item, page, names: list[str], model, orders: Orders) -> Row:
    began = time.perf_counter()
    try:
        if orders.skip and all(exists(name, storage_options=orders.storage_options) for name in names):
            return skipped(task, names[0])
        photo = read_photo(item, name=repr(task.source), page=page)
        pictures: list[Any] = [_colored(photo, model)]
        if orders.n_alternatives:
            pictures += list(model.sample_y(photo.pixels, orders.n_alternatives, orders.seed))
        make_folder(os.path.dirname(names[0]), storage_options=orders.storage_options)
        for name, pixels in list(zip(names, pictures, strict=True))[::-1]:  # where the first is, all are
            write_photo(
                name,
                pixels,
                photo=photo,
                quality=orders.quality,
                storage_options=orders.storage_options,
                comment=orders.comment,
                n_jobs=orders.n_jobs,
            )
    except Exception as error:
        return failure(task, error, names[0])
    height, width = photo.pixels.shape[:2]
    seconds = round(time.perf_counter() - began, 3)
    return _row(task, names[0], "done", seconds=seconds, width=width, height=height)
