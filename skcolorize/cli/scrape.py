"""``skcolorize scrape``: photos from a list of addresses, or those of Unsplash Lite."""

from __future__ import annotations

import argparse
import sys
from collections import Counter

from .parsing import add_command

_EXAMPLES = """examples:
  skcolorize scrape addresses.txt -o photos/ --max-size 512
  skcolorize scrape unsplash-lite -o s3://bucket/photos --limit 5000 --accept-terms

LIST is a text file, or an address of one, with an address of a photo on each line; empty lines and those that
begin with # are passed over. The same command goes on where an interrupted one was stopped. Whoever scrapes
answers for the right to: robots.txt and opt-outs are obeyed, licences are yours to read.
exit codes: 0 all there, 1 some photos failed, 2 wrong usage"""


def add_parser(commands) -> None:
    """Add the parser of this command."""
    parser = add_command(
        commands,
        "scrape",
        "download photos to learn from",
        "Downloads photos to a folder or a bucket, with care and nothing twice.",
        _EXAMPLES,
        run,
    )
    parser.add_argument("list", metavar="LIST", help="file of addresses, or unsplash-lite")
    parser.add_argument(
        "-o", "--output", required=True, metavar="DEST", help="folder, or address such as s3://..."
    )
    parser.add_argument("--max-size", type=int, metavar="N", help="reduce longer sides to N pixels")
    parser.add_argument("--limit", type=int, metavar="N", help="at most N photos")
    parser.add_argument("--accept-terms", action="store_true", help="accept the terms of Unsplash Lite")


def run(args: argparse.Namespace) -> int:
    """Download the photos and tell how many there are."""
    if args.limit is not None and args.limit < 1:
        raise ValueError(f"--limit must be at least 1. Got {args.limit}.")
    if args.list == "unsplash-lite":
        from ..datasets import fetch_unsplash_lite

        size = {} if args.max_size is None else {"max_size": args.max_size}
        bunch = fetch_unsplash_lite(
            data_home=args.output, n_images=args.limit, accept_terms=args.accept_terms, **size
        )
    else:
        from ..datasets import ImageScraper

        scraper = ImageScraper(args.output, max_size=args.max_size, verbose=True)
        bunch = scraper.fetch(addresses(args.list)[: args.limit])
    failed = [row for row in bunch.manifest if not row["path"]]
    for row in failed:
        print(f"{row['status']}: {row['url']}: {row['error']}", file=sys.stderr)
    counts = Counter(row["status"] for row in bunch.manifest)
    print(", ".join(f"{number} {status}" for status, number in counts.items()) + f": {args.output}")
    return 1 if failed else 0


def addresses(path: str) -> list[str]:
    """The addresses that a file lists."""
    from ..images.storage import open_file

    with open_file(path) as file:
        lines = [line.strip() for line in file.read().decode("utf-8-sig").splitlines()]
    found = [line for line in lines if line and not line.startswith("#")]
    if not found:
        raise ValueError(f"{path!r} lists no address")
    return found
