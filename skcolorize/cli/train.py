"""``skcolorize train``: a fit from the command line."""

from __future__ import annotations

import argparse
import ast
import os
import tempfile
from typing import Any

from .parsing import add_command
from .progress import show_progress

_EXAMPLES = """examples:
  skcolorize train photos/ -o mine.npz
  skcolorize train photos/ -o mine.npz --set max_iter=50 --set early_stopping=True --checkpoint state/
  skcolorize train photos/ -o mine.npz --set weights=earlier.npz
  torchrun --nproc-per-node=2 -m skcolorize train photos/ -o mine.npz

mine.npz holds weights and no code; mine.joblib the whole estimator, and whoever opens it runs what is in it.
The same command with the same --checkpoint goes on where an interrupted one was stopped."""


def add_parser(commands) -> None:
    """Add the parser of this command."""
    parser = add_command(
        commands,
        "train",
        "fit a model on photos of your own",
        "Fits a Colorizer on colour photos, starting from the embedded network.",
        _EXAMPLES,
        run,
    )
    parser.add_argument(
        "photos", nargs="+", metavar="PHOTOS", help="folder, photo, quoted pattern or address"
    )
    parser.add_argument(
        "-o", "--output", required=True, metavar="MODEL", help="file to write, .npz or .joblib"
    )
    parser.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        type=setting,
        help="a parameter of Colorizer, such as max_iter=50; may be given several times",
    )
    parser.add_argument("--checkpoint", metavar="FOLDER", help="keep the running fit there, to go on from it")


def setting(text: str) -> tuple[str, Any]:
    """Name and value of ``name=value``; what is no Python literal is a string."""
    name, equals, value = text.partition("=")
    if not (equals and name.isidentifier()):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form name=value")
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return name, value


def run(args: argparse.Namespace) -> int:
    """Fit and save; under torchrun the first process alone saves."""
    from .._batch._plan import find_photos
    from .._colorizer import Colorizer
    from ..images.storage import is_remote
    from ..pretrained.recipe import keep_freed_memory

    suffix = os.path.splitext(args.output)[1]
    if suffix not in (".npz", ".joblib"):
        raise ValueError(f"the model's file must end in .npz or .joblib. Got {args.output!r}.")
    folder = os.path.dirname(args.output)
    if folder and not is_remote(folder) and not os.path.isdir(folder):
        raise NotADirectoryError(f"{folder!r} is not a folder: make it first")
    if os.path.isdir(args.output):
        raise IsADirectoryError(f"{args.output!r} is a folder: name a file for the model")
    keep_freed_memory()
    colorizer = Colorizer(checkpoint=args.checkpoint).set_params(**dict(args.settings))
    paths = [path for source in args.photos for path in find_photos(source)[1]]
    is_first = os.environ.get("RANK", "0") == "0"
    if is_first:
        show_progress(colorizer)
    colorizer.fit(paths)
    if not is_first:  # with another status torchrun would stop the first process before it has saved
        return 0
    try:
        save(colorizer, args.output)
    except Exception as error:  # hours of training must not end with a full disk
        rescued = os.path.join(tempfile.mkdtemp(prefix="skcolorize-"), f"model{suffix}")
        save(colorizer, rescued)
        raise OSError(f"{args.output!r} can't be written ({error}); the model is in {rescued!r}") from error
    print(f"fitted on {len(paths) - len(colorizer.skipped_images_)} photos: {args.output}")
    return 1 if colorizer.skipped_images_ else 0


def save(colorizer, path: str) -> None:
    """Write a fitted Colorizer, whole or not at all."""
    if path.endswith(".npz"):
        colorizer.save_weights(path)
        return
    import joblib

    from ..images.storage import replace_whole

    if hasattr(colorizer, "set_callbacks"):
        colorizer.set_callbacks()  # the bars of this fit are nobody else's
    colorizer.set_params(verbose=False, checkpoint=None)
    with replace_whole(path) as file:
        joblib.dump(colorizer, file)
