"""``skcolorize colorize``: a thin layer over `colorize_files`, and a page to look at what it made."""

from __future__ import annotations

import argparse
import os
import sys

from .parsing import add_command, add_model_option

_EXAMPLES = """examples:
  skcolorize colorize grandma.jpg -o grandma-color.jpg
  skcolorize colorize album/ -o colored/ --jobs 4 --page
  skcolorize colorize 'scans/*.tif' more/ -o colored/ --format jpg --skip-existing
  skcolorize colorize s3://bucket/scans -o s3://bucket/colored --vividness 0.7

Folders are kept as trees, each page of a TIFF gives one photo. JPEG, PNG, TIFF, WebP and BMP are read,
HEIC with pip install 'skcolorize[heic]'; outputs have 8 bits a channel, and say in their metadata that
their colours are inferred. manifest.csv in DEST tells what became of each photo.
exit codes: 0 all done, 1 some photos failed (the others are done), 2 wrong usage"""


def add_parser(commands) -> None:
    """Add the parser of this command."""
    parser = add_command(
        commands, "colorize", "colour photos, folders, buckets", "Colours photo files.", _EXAMPLES, run
    )
    parser.add_argument(
        "sources",
        nargs="+",
        metavar="SOURCE",
        help="photo, folder, quoted pattern, or address such as s3://...",
    )
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="DEST",
        help="folder or address; for one photo, also its file",
    )
    add_model_option(parser)
    parser.add_argument(
        "--vividness",
        type=float,
        metavar="V",
        help="strength of colours: 0 as learned, 1 as colourful as life",
    )
    parser.add_argument("--image-size", type=int, metavar="N", help="working size of the network in pixels")
    parser.add_argument("--format", default="same", help="same (default), jpg, png, webp or tiff")
    parser.add_argument(
        "--quality", type=int, default=95, metavar="Q", help="of JPEG and WebP, 95 by default"
    )
    existing = parser.add_mutually_exclusive_group()
    for option, value in (("--overwrite", "overwrite"), ("--skip-existing", "skip")):
        text = "replace outputs that are there" if value == "overwrite" else "do only what is missing"
        existing.add_argument(option, dest="existing", action="store_const", const=value, help=text)
    parser.add_argument(
        "--alternatives", type=int, default=0, metavar="N", help="further colourings: name-1 to name-N"
    )
    parser.add_argument("--page", action="store_true", help="write index.html: every photo before and after")
    parser.add_argument("--jobs", type=int, metavar="N", help="worker processes, -1 for one a core")
    parser.set_defaults(existing="error")


def run(args: argparse.Namespace) -> int:
    """Colour the photos and tell how it went."""
    from .._batch import colorize_files
    from ..images.encode import FORMATS
    from ..images.storage import exists, is_remote

    to_file = os.path.splitext(args.output)[1].lower() in FORMATS and not os.path.isdir(args.output)
    folder = os.path.dirname(args.output) if to_file else args.output
    page = folder.rstrip("/") + "/index.html" if is_remote(folder) else os.path.join(folder, "index.html")
    if args.page and args.existing == "error" and exists(page):
        raise FileExistsError(f"{page!r} is there already: --overwrite or --skip-existing")
    result = colorize_files(
        args.sources,
        args.output,
        model=args.model,
        vividness=args.vividness,
        image_size=args.image_size,
        format=args.format,
        quality=args.quality,
        existing=args.existing,
        n_alternatives=args.alternatives,
        n_jobs=args.jobs,
        verbose=True,
    )
    for row in result.manifest:
        if row["status"] == "failed":
            print(f"failed: {row['source']}: {row['error']}", file=sys.stderr)
    print(", ".join(f"{number} {status}" for status, number in result.counts.items()) + f": {args.output}")
    if args.page:
        from .page import write_page

        size = write_page(page, result.manifest, args.alternatives)
        print(f"page of {size / 1e6:.1f} MB: {page}")
    return 1 if result.counts["failed"] else 0
