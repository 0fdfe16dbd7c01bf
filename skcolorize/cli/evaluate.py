"""``skcolorize evaluate``: a model's quality beside the gray floor."""

from __future__ import annotations

import argparse
import sys

from .parsing import add_command, add_model_option

_EXAMPLES = """examples:
  skcolorize evaluate photos/
  skcolorize evaluate photos/ --model mine.npz

Each photo is squashed to 256 x 256 pixels and its gray coloured. A gray copy scores well in PSNR and
CIEDE2000, since both prefer dull colours: read every row beside the gray one.
exit codes: 0 all done, 1 gray or broken photos were left out, 2 wrong usage"""


def add_parser(commands) -> None:
    """Add the parser of this command."""
    parser = add_command(
        commands,
        "evaluate",
        "measure a model on colour photos",
        "Prints PSNR, SSIM, CIEDE2000, colourfulness and hues of coloured photos, with intervals.",
        _EXAMPLES,
        run,
    )
    parser.add_argument(
        "photos", nargs="+", metavar="PHOTOS", help="folder, photo, quoted pattern or address"
    )
    add_model_option(parser)


def run(args: argparse.Namespace) -> int:
    """Print the table."""
    from .._batch import load_model
    from .._batch._plan import find_photos
    from ..images import PhotoError, is_gray
    from ..metrics import evaluate, squash256

    photos, left_out = [], 0
    for source in args.photos:
        for path in find_photos(source)[1]:
            try:
                photo = squash256(path)
                if is_gray(photo):
                    raise PhotoError(f"{path!r} is gray: it has no colours to compare with")
                photos.append(photo)
            except PhotoError as error:
                left_out += 1
                print(f"left out: {error}", file=sys.stderr)
    if not photos:
        raise ValueError("no photo is left to be measured")
    print(evaluate(load_model(args.model), photos))
    return 1 if left_out else 0
