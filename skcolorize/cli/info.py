"""``skcolorize info``: what a model is, and what it runs on."""

from __future__ import annotations

import argparse
import os
from importlib import resources

from .parsing import add_command, add_model_option

_EXAMPLES = """examples:
  skcolorize info
  skcolorize info --model mine.npz"""


def add_parser(commands) -> None:
    """Add the parser of this command."""
    parser = add_command(
        commands,
        "info",
        "tell about a model and this installation",
        "Prints what a model is, and the versions that a bug report needs.",
        _EXAMPLES,
        run,
    )
    add_model_option(parser)


def run(args: argparse.Namespace) -> int:
    """Print the model's parameters, then the versions."""
    from .. import show_versions
    from .._batch import load_model
    from .._batch._model import provenance

    model = load_model(args.model)
    if args.model is None:
        print(weights_terms())
    print(f"model: {args.model or 'embedded'}: {type(model).__name__}")
    print(f"note in its outputs: {provenance(model, args.model)}")
    if hasattr(model, "module_"):
        n_weights = sum(tensor.numel() for tensor in model.module_.parameters())
        print(f"network: {model.encoder}, decoder {model.decoder}, {n_weights / 1e6:.2f} million weights")
    for name, value in model.get_params(deep=False).items():
        print(f"  {name}: {os.fspath(value) if isinstance(value, os.PathLike) else value!r}")
    print()
    show_versions()
    return 0


def weights_terms() -> str:
    """What the embedded weights were trained on and what that may mean: the start of their model card."""
    card = resources.files("skcolorize") / "pretrained" / "unet_mobilenet_v2.md"
    return " ".join(card.read_text(encoding="utf-8").partition("\n\n")[0].split())
