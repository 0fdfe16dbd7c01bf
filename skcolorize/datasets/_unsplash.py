"""The 25,000 photos of Unsplash's Lite data set: tables from a zip, photos from the addresses in them."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import sys
import zipfile
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from numbers import Integral
from pathlib import Path
from urllib.parse import urlencode, urlsplit, urlunsplit

import numpy as np
from sklearn.datasets import fetch_file
from sklearn.utils import Bunch, check_random_state

from .._base import (
    BOOLEAN,
    NONE,
    NOT_NEGATIVE,
    PATH,
    RANDOM_STATE,
    Check,
    Interval,
    check_parameters,
)
from ..images import storage
from ._manifest import KEPT, Record, attribution
from ._output import data_home as find_home
from ._output import local_data_home
from ._scraper import ImageScraper

TERMS = "https://github.com/unsplash/datasets/blob/master/TERMS.md"
HOSTS = {"images.unsplash.com"}
_ARCHIVE = "https://unsplash.com/data/lite/{version}"
_SHA256 = {
    "1.4.0": "7af3e90a4983fc87d0ee8c0f8c645349c6011d63efec489cfe734a74ed64d69c",
    "1.4.1": "aa0fcb859040ed64e93817d1d878d0c6f861763283261ba1a6aa5d8d4af6aec6",
}
_ASK = f"""Unsplash's Lite data set has terms: {TERMS}
They let you download and store its photos and use them internally, training models included. They forbid
to show or pass on any part of it, to publish comparisons of it with similar data sets, and to remove notices,
and they ask you to delete what Unsplash tells you to (skcolorize.datasets.purge_images). Whether weights
trained on it may be published they do not settle. This is information, no legal advice: read them, and if you
agree pass accept_terms=True (on the command line --accept-terms), once."""
_DESCR = f"""Unsplash Lite data set, version {{version}}

About 25,000 photos, chosen by Unsplash, with their photographers. The tables come from
{_ARCHIVE}, the photos from {", ".join(HOSTS)}, resized there.

{_ASK.rpartition(" This is")[0]}
"""
_WORDS = Check(
    lambda v: isinstance(v, (list, tuple, set, frozenset)) and all(isinstance(word, str) for word in v),
    "a list of str",
)
_RULES = {
    "data_home": (PATH, NONE),
    "version": (Check(lambda v: isinstance(v, str) and re.fullmatch(r"[\w.]+", v), "a version or 'latest'"),),
    "archive": (PATH, NONE),
    "max_size": (Interval(Integral, 1), NONE),
    "n_images": (Interval(Integral, 1), NONE),
    "keywords": (NONE, _WORDS),
    "accept_terms": (BOOLEAN,),
    "download_if_missing": (BOOLEAN,),
    "n_retries": (Interval(Integral, 0),),
    "delay": (NOT_NEGATIVE,),
    "random_state": (RANDOM_STATE,),
}


def fetch_unsplash_lite(
    *,
    data_home: str | os.PathLike | None = None,
    version: str = "1.4.1",
    archive: str | os.PathLike | None = None,
    max_size: int | None = 512,
    n_images: int | None = None,
    keywords: Collection[str] | None = None,
    accept_terms: bool = False,
    download_if_missing: bool = True,
    n_retries: int = 3,
    delay: float = 1.0,
    random_state: int | np.random.RandomState | None = None,
) -> Bunch:
    """Fetch the photos of Unsplash's Lite data set, resized by Unsplash, to a folder or a bucket.

    It has about 25,000 photos; with the default `max_size` they take about 2 GB. What is there already is not
    fetched again, and a call that was stopped resumes.

    Parameters
    ----------
    data_home : str or PathLike, default=None
        Folder, or address of a bucket such as ``"s3://bucket/data"``; by default the environment variable
        ``SKCOLORIZE_DATA``, else ``~/skcolorize_data``. The zip of the tables always lies on this machine.
    version : str, default="1.4.1"
        Of the data set, or ``"latest"``.
    archive : str or PathLike, default=None
        The zip, where you have it already.
    max_size : int, default=512
        Longest side of the photos in pixels; None for their full size.
    n_images : int, default=None
        So many photos only: drawn with a `random_state`, else the first ones. The 100 drawn with one seed are
        among the 200 drawn with it.
    keywords : list or set of str, default=None
        Only photos that have one of these keywords.
    accept_terms : bool, default=False
        Say once that you agree to Unsplash's terms.
    download_if_missing : bool, default=True
        If False, raise an OSError where anything is missing.
    n_retries, delay : int, float
        Further tries to get the zip, and the seconds between them.
    random_state : int, RandomState instance or None, default=None
        Draws the `n_images`.

    Returns
    -------
    bunch : Bunch
        ``paths``, ndarray of shape (n_photos,), dtype object, of the photos that are there; ``manifest``, a
        list with a dict for each row asked for, those without a photo too; ``attribution``, list of str,
        whose photo each path is; ``DESCR``, what the data set is and what its terms ask.

    Raises
    ------
    ValueError
        The terms are not accepted, or the zip is not that data set.
    OSError
        A download failed, or something is missing and `download_if_missing` is False.

    References
    ----------
    https://github.com/unsplash/datasets

    Examples
    --------
    >>> from skcolorize.datasets import fetch_unsplash_lite
    >>> photos = fetch_unsplash_lite(n_images=1000, random_state=0, accept_terms=True)  # doctest: +SKIP
    """
    given = {name: value for name, value in locals().items() if name in _RULES}
    check_parameters("fetch_unsplash_lite", _RULES, given)
    local = Path(local_data_home(data_home)) / "unsplash_lite"
    licence = _accepted_terms(local, version, accept_terms)
    if archive is None:
        archive = _download(local, version, download_if_missing, n_retries, delay)
    rows = _chosen(archive, keywords, n_images, random_state)
    home = find_home(data_home)
    below = f"unsplash_lite/{max_size or 'full'}"
    scraper = ImageScraper(
        f"{home.rstrip('/')}/{below}" if storage.is_remote(home) else os.path.join(home, below),
        max_size=max_size, allowed_hosts=HOSTS, respect_opt_out=False, verbose=download_if_missing,
    )  # fmt: skip
    bunch = scraper.fetch(
        [_sized(row["photo_image_url"], max_size) for row in rows],
        ids=[row["photo_id"] for row in rows],
        metadata={"photographer": [_photographer(row) for row in rows], "licence": [licence] * len(rows)},
        dry_run=not download_if_missing,
    )
    if not download_if_missing and (n_missing := bunch.counts.get("deferred", 0)):
        raise OSError(f"{n_missing} photos are not there and download_if_missing is False")
    kept = [i for i, row in enumerate(bunch.manifest) if row["status"] in KEPT]
    return Bunch(
        paths=bunch.paths[kept],
        manifest=bunch.manifest,
        attribution=attribution(Record(**bunch.manifest[i]) for i in kept),
        DESCR=_DESCR.format(version=version),
    )


def _accepted_terms(folder: Path, version: str, accept: bool) -> str:
    """What the manifest says of the terms; asks for them once."""
    path = folder / "terms.json"
    accepted = json.loads(path.read_bytes()) if path.exists() else {}
    if version not in accepted:
        if not accept:
            raise ValueError(_ASK)
        folder.mkdir(parents=True, exist_ok=True)
        accepted[version] = datetime.now(UTC).isoformat(timespec="seconds")
        with storage.replace_whole(str(path)) as file:
            file.write(json.dumps(accepted, indent=1).encode())
    return f"Unsplash Dataset Terms, Lite {version}, {TERMS}, accepted {accepted[version]}"


def _download(folder: Path, version: str, download: bool, n_retries: int, delay: float) -> Path:
    name = f"unsplash-lite-{version}.zip"
    if not download and not (folder / name).exists():
        raise OSError(f"{folder / name} is not there and download_if_missing is False")
    if not (folder / name).exists():
        print(f"Downloading the tables of Unsplash Lite, about 700 MB, to {folder}", file=sys.stderr)
    address = _ARCHIVE.format(version=version)
    return fetch_file(address, folder, name, _SHA256.get(version), n_retries=n_retries, delay=delay)


def _chosen(archive, keywords, n_images: int | None, random_state) -> list[dict[str, str]]:
    """The rows of the photos to fetch, in the order of the table."""
    with zipfile.ZipFile(archive) as tables:
        rows = list(_table(tables, "photos", ("photo_id", "photo_image_url")))
        if keywords is not None:
            words = {word.casefold() for word in keywords}
            pairs = _table(tables, "keywords", ("photo_id", "keyword"))
            found = {row["photo_id"] for row in pairs if row["keyword"].casefold() in words}
            rows = [row for row in rows if row["photo_id"] in found]
    if n_images is None or n_images >= len(rows):
        return rows
    if random_state is None:
        return rows[:n_images]
    order = check_random_state(random_state).permutation(len(rows))
    return [rows[i] for i in sorted(order[:n_images])]


def _table(tables: zipfile.ZipFile, name: str, needed: tuple[str, ...]) -> Iterator[dict[str, str]]:
    """The rows of a table: of all its parts, each with a header, separated by tabs or commas."""
    pattern = re.compile(rf"{name}\.(tsv|csv)\d*")
    parts = sorted(part for part in tables.namelist() if pattern.fullmatch(part.rpartition("/")[2]))
    if not parts:
        raise ValueError(f"{tables.filename!r} holds no table {name}.tsv*: is it Unsplash's Lite data set?")
    for part in parts:
        with io.TextIOWrapper(tables.open(part), "utf-8-sig", newline="") as text:
            header = text.readline()
            delimiter = "\t" if "\t" in header else ","
            columns = next(csv.reader([header], delimiter=delimiter), [])
            if missing := set(needed) - set(columns):
                raise ValueError(f"{part} lacks the columns {sorted(missing)}: it has {columns}")
            yield from csv.DictReader(text, columns, delimiter=delimiter)


def _sized(address: str, max_size: int | None) -> str:
    """The address at which the server gives the photo as a JPEG in the wanted size."""
    sides = (
        {"w": max_size, "h": max_size, "fit": "max"} if max_size else {}
    )  # w alone lets portraits be taller
    try:
        scheme, host, path, _, _ = urlsplit(address)
    except ValueError:  # the scraper refuses it
        return address
    return urlunsplit((scheme, host, path, urlencode({**sides, "fm": "jpg", "q": 85}), ""))


def _photographer(row: dict[str, str]) -> str:
    names = [row.get(f"photographer_{part}_name") or "" for part in ("first", "last")]
    return " ".join(filter(None, names)) or row.get("photographer_username") or ""
