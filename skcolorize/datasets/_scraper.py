"""ImageScraper: a list of addresses becomes photos in a folder or a bucket."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from numbers import Integral

import numpy as np
from sklearn.utils import Bunch

from .._base import BOOLEAN, N_JOBS, NONE, PATH, POSITIVE, Check, Interval, PhotoTransformer
from ._manifest import count, link_duplicates
from ._output import Output, OutputBusy, photo_name
from ._progress import summary

_NOTES = ("photographer", "licence")
_NAMES = Check(
    lambda v: isinstance(v, (set, frozenset, list, tuple)) and all(isinstance(name, str) for name in v),
    "a set of host names",
)
_DICT = Check(lambda v: isinstance(v, dict), "an instance of 'dict'")
_COUNT = Interval(Integral, 1)


class ImageScraper(PhotoTransformer):
    """Download photos from their addresses to a folder or a bucket, with care and nothing twice.

    `transform` turns addresses into paths: ``make_pipeline(ImageScraper("photos/"), Colorizer()).fit(urls)``
    is a whole project. A call resumes where an earlier one with the same output was stopped, however that
    came about; what is there is not asked for again.

    Only JPEG, PNG and WebP photos of at most 50 MiB and 64 megapixels are kept, each decoded once to its end.
    Hosts are treated with manners: few requests at once, rests after failures or when they ask for it,
    ``robots.txt`` and opt-out headers obeyed. Addresses that lead into a private network are refused.

    Parameters
    ----------
    output : str or PathLike
        Folder, or address of a bucket such as ``"s3://bucket/photos"``.
    max_size : int, default=None
        Photos whose longest side in pixels is larger are reduced to it and kept as JPEG. Photos that are
        there already stay as they are.
    max_concurrency : int, default=32
        Requests at once, over all hosts and all workers.
    max_per_host : int, default=8
        Requests at once to one host, over all workers.
    timeout : float, default=60
        Seconds for one photo from the connection to its last byte, redirects included.
    allowed_hosts : set of str, default=None
        The only hosts that may be asked, None for all.
    respect_opt_out : bool, default=True
        Obey ``robots.txt``, ``X-Robots-Tag: noai`` and ``tdm-reservation``.
    retry_failed : bool, default=False
        Ask again for addresses that were refused or failed in an earlier call.
    n_jobs : int, default=None
        Workers; see ``joblib.parallel_config`` for processes, threads, Dask or Ray. They share the limits.
    storage_options : dict, default=None
        Handed to fsspec for a remote output.
    allow_private : bool, default=False
        Allow addresses that are not public, for a server of one's own.
    verbose : bool, default=False
        Show progress and a summary on the standard error.

    See Also
    --------
    fetch_unsplash_lite : The 25,000 photos of Unsplash's Lite data set.
    purge_images : Delete photos and their rows.

    Notes
    -----
    The output also gets ``manifest.csv``, a row for each address, and ``ATTRIBUTION.txt``.

    An output has one writer at a time: fetch before a search that fits pipelines side by side; where
    everything is there, they don't write.

    Examples
    --------
    >>> from skcolorize.datasets import ImageScraper
    >>> ImageScraper("photos/", max_size=512, max_per_host=4)
    ImageScraper(max_per_host=4, max_size=512, output='photos/')
    """

    _parameter_rules = {
        "output": (PATH,),
        "max_size": (_COUNT, NONE),
        "max_concurrency": (_COUNT,),
        "max_per_host": (_COUNT,),
        "timeout": (POSITIVE,),
        "allowed_hosts": (_NAMES, NONE),
        "respect_opt_out": (BOOLEAN,),
        "retry_failed": (BOOLEAN,),
        "n_jobs": (N_JOBS,),
        "storage_options": (_DICT, NONE),
        "allow_private": (BOOLEAN,),
        "verbose": (BOOLEAN,),
    }

    _clock = None  # tests have one of their own

    def __init__(
        self,
        output: str | os.PathLike,
        *,
        max_size: int | None = None,
        max_concurrency: int = 32,
        max_per_host: int = 8,
        timeout: float = 60,
        allowed_hosts: set[str] | None = None,
        respect_opt_out: bool = True,
        retry_failed: bool = False,
        n_jobs: int | None = None,
        storage_options: dict | None = None,
        allow_private: bool = False,
        verbose: bool = False,
    ):
        self.output = output
        self.max_size = max_size
        self.max_concurrency = max_concurrency
        self.max_per_host = max_per_host
        self.timeout = timeout
        self.allowed_hosts = allowed_hosts
        self.respect_opt_out = respect_opt_out
        self.retry_failed = retry_failed
        self.n_jobs = n_jobs
        self.storage_options = storage_options
        self.allow_private = allow_private
        self.verbose = verbose

    def transform(self, urls: Sequence[str]) -> np.ndarray:
        """Fetch photos and give their paths.

        Parameters
        ----------
        urls : sequence of str
            Addresses.

        Returns
        -------
        paths : ndarray of shape (n_urls,), dtype object
            In the order of `urls`. A failed address has the path that its photo would have: ``fit`` passes
            over it with one warning.

        Raises
        ------
        KeyboardInterrupt
            After Ctrl-C, when everything is tidied up; the same call resumes.
        """
        bunch, finished = self._fetch(urls)
        if not finished:
            raise KeyboardInterrupt
        return bunch.paths

    def fetch(
        self,
        urls: Sequence[str],
        ids: Sequence[str] | None = None,
        metadata: Mapping[str, Sequence] | None = None,
        dry_run: bool = False,
    ) -> Bunch:
        """Fetch photos and tell what became of each address.

        After Ctrl-C it starts no further request and gives what there is; the same call resumes.

        Parameters
        ----------
        urls : sequence of str
            Addresses.
        ids : sequence of str, optional
            A name for each address, from which its file's name is made; by default a hash of the address.
        metadata : mapping or DataFrame, optional
            Columns ``photographer`` and ``licence``, each as long as `urls`.
        dry_run : bool, default=False
            Ask nobody and write nothing: tells what is there and what (``deferred``) would be fetched.

        Returns
        -------
        bunch : Bunch
            ``paths``, ndarray of shape (n_urls,), dtype object; ``manifest``, a list with a dict for each
            address in the order of `urls`, ready for ``pandas.DataFrame``; ``counts``, dict of status to
            number.

        Raises
        ------
        OSError
            The output can't be written, perhaps as its disk is full. What is there stays; the same call
            resumes.
        RuntimeError
            Another process is writing to the same output.
        """
        return self._fetch(urls, ids, metadata, dry_run)[0]

    def _fetch(self, urls, ids=None, metadata=None, dry_run=False) -> tuple[Bunch, bool]:
        self._check_parameters()
        urls = _texts("urls", urls)
        ids = None if ids is None else _texts("ids", ids)
        metadata = {} if metadata is None else metadata
        notes = {name: list(metadata[name]) for name in _NOTES if name in metadata}
        for name, column in {"ids": ids, **notes}.items():
            if column is not None and len(column) != len(urls):
                raise ValueError(f"{name} has {len(column)} entries for {len(urls)} urls")
        try:
            from ._campaign import Campaign
            from ._hosts import Clock
            from ._web import Rules
        except ImportError as error:
            raise ImportError(f"{error}: pip install 'skcolorize[scrape]'") from error
        began = time.monotonic()
        hosts = None if self.allowed_hosts is None else frozenset(map(str.lower, self.allowed_hosts))
        rules = Rules(
            self.max_size, self.max_concurrency, self.max_per_host, float(self.timeout), hosts,
            self.respect_opt_out, self.allow_private,
        )  # fmt: skip
        output = Output(self.output, self.storage_options)

        def planned() -> Campaign:
            campaign = Campaign(output, rules, self._clock or Clock(), self.retry_failed)
            campaign.plan(urls, ids, notes)
            return campaign

        campaign, finished = planned(), True
        if not dry_run and not campaign.complete:
            try:
                with output.alone():
                    campaign = planned()  # another writer may have come and gone meanwhile
                    finished = campaign.run(self.n_jobs, self.verbose)
            except OutputBusy:
                if campaign.tasks:  # else the journals are the other one's, and all is there
                    raise
        link_duplicates(campaign.all_records())
        if self.verbose:
            seconds = time.monotonic() - began
            print(summary(campaign.records, len(campaign.tasks), seconds, output.root), file=sys.stderr)
        paths = np.empty(len(urls), dtype=object)
        paths[:] = [output.path(record.path or photo_name(record.id) + ".jpg") for record in campaign.records]
        rows = [asdict(record) for record in campaign.records]
        return Bunch(paths=paths, manifest=rows, counts=count(campaign.records)), finished


def _texts(name: str, values: Sequence[str]) -> list[str]:
    if isinstance(values, (str, bytes, Mapping)) or not hasattr(values, "__len__"):
        raise TypeError(f"{name} must be a sequence of str, got {type(values).__qualname__}")
    values = list(values)
    for i, value in enumerate(values):
        if not isinstance(value, str):
            raise TypeError(f"{name}[{i}] must be a str, got {value!r}")
    return values
