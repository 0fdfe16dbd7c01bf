"""`colorize_files`: the job as a whole."""

from __future__ import annotations

import functools
import hashlib
import os
from collections import Counter
from collections.abc import Iterable
from numbers import Integral
from typing import Any

from joblib import effective_n_jobs
from PIL import Image
from sklearn.utils import Bunch, check_random_state

from .._base import BOOLEAN, N_JOBS, RANDOM_STATE, Interval, Options, check_parameters
from ._model import adjusted, load_model, packed, provenance
from ._plan import make_plan, outputs_there
from ._report import Progress, write_manifest
from ._spread import inner_threads, spread, stays_here
from ._work import Orders, Row, color_shard, skipped, torch_threads

FORMATS = ("same", "jpg", "png", "webp", "tiff")
EXISTING = ("error", "skip", "overwrite")
_RULES = {
    "format": (Options(FORMATS),),
    "quality": (Interval(Integral, 1, 100),),
    "existing": (Options(EXISTING),),
    "n_alternatives": (Interval(Integral, 0),),
    "random_state": (RANDOM_STATE,),
    "n_jobs": (N_JOBS,),
    "verbose": (BOOLEAN,),
}


def colorize_files(
    sources: str | os.PathLike | Iterable[str | os.PathLike],
    destination: str | os.PathLike,
    *,
    model: Any = None,
    vividness: float | None = None,
    image_size: int | tuple[int, int] | None = None,
    format: str = "same",
    quality: int = 95,
    existing: str = "error",
    n_alternatives: int = 0,
    random_state: Any = 0,
    n_jobs: int | None = None,
    storage_options: dict | None = None,
    verbose: bool = False,
) -> Bunch:
    """Colour photo files: folders and buckets of any size in, coloured files out.

    Sources are never touched. Each output is written whole or not at all, in 8 bits a channel, with the width
    and height, EXIF, XMP and resolution of its source, and alpha where the format has it; its metadata say
    that its colours are inferred. A photo that can't be coloured becomes a row of the manifest, and the
    others are done. Work is shared by ``joblib.Parallel``, under whatever ``joblib.parallel_config`` is
    active: processes, threads, or a cluster of Dask or Ray that runs already.

    Parameters
    ----------
    sources : path or iterable of paths
        Photos, folders (with all folders in them, but links to folders) and patterns such as
        ``"album/*.tif"``, local or addresses such as ``"s3://bucket/photos"``. Each page of a TIFF is a
        photo.
    destination : path
        Folder or address for the outputs, which keep the tree of their folder or pattern. With one source
        file, a destination that ends in a suffix of photos is the output itself.
    model : path, estimator or None, default=None
        None is the embedded network, ``.npz`` are weights of ``save_weights``; any other path is a joblib
        file, which is code: load only what you trust. A fitted estimator is taken as it is.
    vividness : float or None, default=None
        Strength of colours, where it is to differ from the model's own.
    image_size : int, (int, int) or None, default=None
        Working size, where it is to differ from the model's own.
    format : {"same", "jpg", "png", "webp", "tiff"}, default="same"
        Of the outputs. Sources that are "same" and can't be written (HEIC, AVIF) become JPEG.
    quality : int, default=95
        Of JPEG and WebP, 1 to 100.
    existing : {"error", "skip", "overwrite"}, default="error"
        What to do where outputs are there already. "skip" takes up an interrupted job.
    n_alternatives : int, default=0
        Further colourings of each photo, ``name-1`` and on beside the first.
    random_state : int, RandomState instance or None, default=0
        Determines the alternatives.
    n_jobs : int or None, default=None
        Workers, in joblib's terms; a single photo is coloured, and coded as JPEG, by as many threads. Each
        worker process has one thread of PyTorch, unless ``parallel_config(inner_max_num_threads=...)`` says
        otherwise.
    storage_options : dict or None, default=None
        Handed to fsspec for the addresses of sources, destination and model.
    verbose : bool, default=False
        Whether progress is shown on the standard error: a bar where rich is installed, else lines.

    Returns
    -------
    result : Bunch
        With attributes

        paths : list of str
            Coloured photos, done now or there before, in the order of the sources.
        manifest : list of dict
            A row for each photo: source, path, status ("done", "skipped" or "failed"), error, seconds, width
            and height. ``manifest.csv`` in the destination folder has them too, with those of earlier jobs.
        counts : dict of str to int
            Photos by status.

    Raises
    ------
    ValueError
        Before any work: two sources with one output, a destination that is the folder of the sources, an
        output that is a source, a wrong parameter, a model that has no alternatives to give, or a
        ``manifest.csv`` in the destination folder that is not of this function.
    FileExistsError
        Before any work: outputs are there, with ``existing="error"``.
    FileNotFoundError
        Before any work: a folder or pattern that holds no photo.
    OSError
        Before any work: the destination folder can't be written to, or a folder of the sources not be read.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from skcolorize import colorize_files
    >>> from skcolorize.datasets import load_example_images
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     result = colorize_files(load_example_images().filenames[1:3], folder, format="jpg")
    ...     sorted(path.name for path in pathlib.Path(folder).iterdir())
    ['astronaut.jpg', 'flower.jpg', 'manifest.csv']
    >>> result.counts
    {'done': 2, 'skipped': 0, 'failed': 0}
    """
    given = locals()
    check_parameters("colorize_files", _RULES, {name: given[name] for name in _RULES})
    plan = make_plan(sources, destination, format, n_alternatives, storage_options)
    there = outputs_there(plan, existing, n_alternatives, storage_options)
    tasks = [task for task in plan.tasks if task not in there]
    estimator = load_model(model, storage_options=storage_options)
    if n_alternatives and not hasattr(estimator, "sample_y"):
        raise ValueError(
            f"n_alternatives={n_alternatives}, but this model gives one colouring of a photo only"
        )
    n_workers = effective_n_jobs(n_jobs) if len(tasks) > 1 else 1
    own_jobs = n_jobs if len(tasks) == 1 else 1 if n_workers > 1 else None  # one photo has all threads
    settings: dict[str, Any] = {"vividness": vividness, "image_size": image_size}
    if "n_jobs" in estimator.get_params(deep=False):
        settings["n_jobs"] = own_jobs
    sent, model_key = adjusted(estimator, settings), None
    if not stays_here(n_workers):
        sent = packed(sent)
        model_key = hashlib.sha256(sent.data).hexdigest()
    n_threads = inner_threads() if n_workers > 1 else None
    orders = Orders(
        quality=quality,
        n_alternatives=n_alternatives,
        seed=int(check_random_state(random_state).randint(2**31 - 1)),
        comment=provenance(estimator, model),
        skip=existing == "skip",
        storage_options=storage_options,
        model_key=model_key,
        process=os.getpid(),
        max_pixels=Image.MAX_IMAGE_PIXELS,
        n_threads=n_threads,
        n_jobs=own_jobs,
    )
    work = functools.partial(color_shard, orders=orders)
    rows: dict[str, list[Row]] = {task.source: [skipped(task)] for task in there}
    manifest = [row for task in plan.tasks for row in rows.get(task.source, [])]
    if plan.folder is not None:  # what can't be written now could not be when all photos are coloured
        write_manifest(plan.folder, manifest, storage_options)
    try:
        with (
            Progress(len(tasks), verbose) as progress,
            torch_threads(n_threads),
        ):
            for shard in spread(work, tasks, sent, n_jobs if n_workers > 1 else 1):
                progress.tell(shard)
                for row in shard:
                    rows.setdefault(row["source"], []).append(row)
    finally:
        manifest = [row for task in plan.tasks for row in rows.pop(task.source, [])]
        if plan.folder is not None and manifest:
            write_manifest(plan.folder, manifest, storage_options)
    counts = Counter(row["status"] for row in manifest)
    return Bunch(
        paths=[row["path"] for row in manifest if row["status"] != "failed"],
        manifest=manifest,
        counts={status: counts[status] for status in ("done", "skipped", "failed")},
    )
