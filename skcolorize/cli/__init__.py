"""The command line: one file a subcommand.

Each module of `COMMANDS` has ``add_parser(commands)``, which adds its parser and says by
``set_defaults(run=...)`` what to call. PyTorch is imported after that, so that ``--help`` is quick.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from .._version import __version__

COMMANDS = ("colorize", "train", "evaluate", "scrape", "info", "demo")

#: Exit codes.
DONE, SOME_FAILED, WRONG_USAGE = 0, 1, 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments, by default those of the process.

    Returns
    -------
    code : int
        0 all done, 1 some photos failed, 2 wrong usage, 130 interrupted.
    """
    # Before PyTorch loads: OpenMP threads that spin while they wait make a busy machine many times slower.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", "0")
    if isinstance(sys.stdout, io.TextIOWrapper):  # as the standard error: it may not know a name's characters
        sys.stdout.reconfigure(errors="backslashreplace")
    args = _parser().parse_args(argv)

    def warn(message: Warning | str, *place: Any, **more: Any) -> None:
        print(f"skcolorize {args.command}: warning: {message}", file=sys.stderr)

    try:
        with warnings.catch_warnings():
            warnings.showwarning = warn
            code = args.run(args)
            sys.stdout.flush()
        return code
    except BrokenPipeError:  # who reads the output has seen enough; nothing more can be written there
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return SOME_FAILED
    except (ValueError, ImportError, OSError, RuntimeError, MemoryError) as error:
        print(f"skcolorize {args.command}: error: {error}", file=sys.stderr)
        return WRONG_USAGE
    except KeyboardInterrupt:
        print("interrupted; what is written is whole", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="skcolorize",
        description="Colour black-and-white photos.",
        epilog="skcolorize COMMAND --help shows examples of each command.",
    )
    parser.add_argument("--version", action="version", version=f"skcolorize {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in COMMANDS:
        import_module(f".{name}", __name__).add_parser(commands)
    return parser
