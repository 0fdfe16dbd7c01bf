"""What the parsers of all commands share."""

from __future__ import annotations

import argparse
from collections.abc import Callable


def add_command(
    commands, name: str, help: str, description: str, epilog: str, run: Callable
) -> argparse.ArgumentParser:
    """Add the parser of a command that `run` carries out."""
    parser = commands.add_parser(
        name,
        help=help,
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    return parser


def add_model_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--model``, which means the same everywhere."""
    parser.add_argument(
        "--model",
        metavar="PATH",
        help="a trained model, local or an address: .npz holds weights and is safe, .joblib is code (open "
        "only what you trust); without it, the embedded one",
    )
