"""Photos that have to go: deleted for good, and not fetched again."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ._manifest import KEPT, PURGED, Journal, Record, finish, load_records
from ._output import Output


def purge_images(
    ids: Sequence[str], output: str | os.PathLike, *, storage_options: dict | None = None
) -> list[str]:
    """Delete photos, as after a notice of their owner, and everything the manifest tells of them.

    Copies of the same content under other ids go too. Of each id only the mark stays that it was purged: no
    later call of the scraper fetches it again. May be called again, with the same ids or after a stop.

    Parameters
    ----------
    ids : sequence of str
        Those of the manifest; unknown ones are passed over.
    output : str or PathLike
        Folder or address that the scraper wrote to.
    storage_options : dict, optional
        Handed to fsspec for a remote output.

    Returns
    -------
    purged : list of str
        The ids whose photo or row is deleted now: fewer than `ids` where some are gone already, more where
        there were copies.

    Raises
    ------
    RuntimeError
        A scraper is writing to the output.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from skcolorize.datasets import purge_images
    >>> with TemporaryDirectory() as folder:
    ...     purge_images(["never-seen"], folder)
    []
    """
    if isinstance(ids, str):
        raise TypeError(f"ids must be a sequence of str, got the str {ids!r}")
    place = Output(output, storage_options)
    with place.alone():
        records = load_records(place)
        wanted = {name for name in ids if name in records}
        contents = {records[name].sha256 for name in wanted} - {""}
        originals = wanted | {r.id for r in records.values() if r.status in KEPT and r.sha256 in contents}
        purged = [
            r.id
            for r in records.values()
            if not r.purged and (r.id in wanted or r.sha256 in contents or r.duplicate_of in originals)
        ]
        journal = Journal(place)
        for name in purged:
            records[name] = Record(name, status="gone", error=PURGED)
            journal.add(records[name])
        journal.sync(everything=True)
        journal.close()
        finish(place, records)
    return purged
