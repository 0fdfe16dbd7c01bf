"""How the embedded weights are made, from folders or tars of photos.

    python -m skcolorize.pretrained.recipe PHOTOS [PHOTOS ...] -o FILE.npz

A set of photos may carry how often a pass deals it (``more.tar:0.25``). The weights are written with a model
card beside them, ``FILE.md``. An interrupted training is gone on with by the same command. It runs on the
processor or on a GPU; under ``torchrun --nproc-per-node=N -m skcolorize.pretrained.recipe`` by N processes,
whose weights meet after each round.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import shlex
import sys
import time
from contextlib import nullcontext, suppress
from pathlib import Path


def main(argv: list[str] | None = None) -> int:
    """Run the recipe.

    Parameters
    ----------
    argv : list of str or None, default=None
        Arguments of the command line; None: the process's own.

    Returns
    -------
    status : int
        0, or 2 where something is wrong with the input or a guard stopped the training.
    """
    argv = sys.argv[1:] if argv is None else argv
    args = _parser().parse_args(argv)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before PyTorch loads: spinning threads are slow
    keep_freed_memory()
    try:
        make(args, f"python -m skcolorize.pretrained.recipe {shlex.join(argv)}")
    except (OSError, ValueError, RuntimeError, MemoryError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m skcolorize.pretrained.recipe",
        description=__doc__.split("\n\n")[0],
        epilog="An interrupted training is gone on with by the same command.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("photos", nargs="+", metavar="FOLDER_OR_TAR[:WEIGHT]", help="sets of colour photos")
    add("-o", "--output", required=True, type=Path, metavar="FILE", help="weights to write, .npz")
    add(
        "--init",
        default="imagenet",
        metavar="WEIGHTS",
        help="weights of this package or of ImageNet (.npz, .pth), or 'imagenet': torchvision's download",
    )
    add(
        "--validation",
        metavar="FOLDER_OR_TAR",
        help="photos to calibrate and report on; else a hundredth of the others, at most 500, is held out",
    )
    add(
        "--exclude",
        action="append",
        default=[],
        metavar="PATTERN",
        help="leave out photos whose file name matches, as in 'food-*'; may be repeated",
    )
    add("--encoder", default="mobilenet_v2", help="encoder that ImageNet weights belong to")
    add("--n-photos", type=int, default=1_350_000, metavar="N", help="crops to learn from in all")
    add("--batch-size", type=int, default=48, metavar="N", help="crops in a step")
    add("--learning-rate", type=float, default=1e-3, metavar="RATE", help="0.0003 goes on from good weights")
    add("--image-size", type=int, default=256, metavar="PIXELS", help="working size of the result")
    add("--device", default="auto", help="auto, cpu, cuda, ...")
    add("--n-jobs", type=int, default=2, metavar="N", help="threads that decode photos")
    add("--seed", type=int, default=0, help="determines order and crops")
    return parser


def keep_freed_memory() -> None:
    """Let glibc keep the big blocks of a step instead of giving them back: a quarter more photos a second.

    A setting of the whole process: a command may make it, a library call may not. Elsewhere nothing is done.
    """
    with suppress(OSError, AttributeError, TypeError):
        mallopt = ctypes.CDLL("libc.so.6").mallopt
        for parameter in (-1, -3):  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD
            mallopt(parameter, 2**31 - 1)


def make(args: argparse.Namespace, command: str = "") -> None:
    """Train as the arguments of the command line say, and write weights and card.

    Parameters
    ----------
    args : argparse.Namespace
        What the command line's parser gives.
    command : str, default=""
        For the card.
    """
    from ..inference.devices import resolve_device, resolve_precision
    from ..training.batches import PhotoBatches
    from ..training.checkpoint import Checkpoint, fingerprint
    from ..training.distributed import World, local_device
    from ..training.loop import Settings
    from ._course import ROUND, Course, start_from
    from ._sets import DealtPhotos, find_photos, hold_out, item_name

    if args.output.suffix != ".npz":
        raise ValueError(f"--output must end in .npz. Got {str(args.output)!r}.")
    if min(args.n_photos, args.batch_size) < 1:
        raise ValueError("--n-photos and --batch-size must be at least 1")
    device, size = local_device(resolve_device(args.device)), (args.image_size, args.image_size)
    world = World(device)
    sets = [find_photos(text, args.exclude) for text in args.photos]
    if args.validation:
        held_out = list(find_photos(args.validation, args.exclude).items)
    else:
        sets, held_out = hold_out(sets)
    if world.leads:
        for photos in sets:
            print(f"{photos.source}: {len(photos.items):,} photos, weight {photos.weight:g}", flush=True)
    usable, cache = _decoded(held_out, size, args.n_jobs)

    n_round = min(ROUND, args.n_photos)
    settings = Settings(
        max_iter=max(1, round(args.n_photos / n_round / world.size)),
        batch_size=args.batch_size,
        learning_rate_init=args.learning_rate,
        encoder_learning_rate_ratio=0.3,
        precision=resolve_precision("auto", device, learning=True),
        seed=args.seed + 1_000_003 * world.rank,
    )
    names = "init", "encoder", "image_size", "seed"
    parameters = vars(settings) | {name: getattr(args, name) for name in names}
    texts = [f"{s.source}:{s.weight}:{len(s.items)}" for s in sets] + [item_name(item) for item in held_out]
    name = fingerprint(parameters, [text.encode() for text in texts])[:12]
    checkpoint = Checkpoint(args.output.parent, f"{args.output.stem}-{name}")
    with checkpoint.held() if world.leads else nullcontext():
        dealt = DealtPhotos(sets, n_round, settings.seed, device, args.n_jobs)
        validation = PhotoBatches(cache, range(len(cache)), size, False, args.seed, device)
        course = Course(start_from(args.init, args.encoder, args.seed), dealt, validation, settings)
        began = time.process_time()
        if saved := world.agreed(checkpoint.load() if world.leads else None):
            course.load_state_dict(saved["course"])
            began -= saved["spent"]
            if world.leads:
                print(f"going on after round {course.trainer.epoch}", flush=True)
        course.run(
            lambda state: checkpoint.save({"course": state, "spent": time.process_time() - began}),
            lambda line: print(line, flush=True),
        )
        spent = world.total(time.process_time() - began)
        if not world.leads:
            return
        _write(args, command, course, sets, usable, spent)
        checkpoint.remove()
    print(f"written: {args.output}, {args.output.with_suffix('.md')}", flush=True)


def _decoded(held_out: list, size: tuple[int, int], n_jobs: int | None):
    """The held-out photos that can be used, as predict takes them, and their cache for the loop."""
    from ..training.cache import cache_photos
    from ._sets import contents, item_name

    photos = [contents(item) for item in held_out]
    cache = cache_photos(photos, lambda i: item_name(held_out[i]), None, size, n_jobs=n_jobs)
    if not len(cache):
        raise ValueError(f"none of the {len(photos)} photos held out can be used: {cache.skipped[0][2]}")
    skipped = {index for index, _, _ in cache.skipped}
    return [photo for i, photo in enumerate(photos) if i not in skipped], cache


def _write(args, command: str, course, sets: list, usable: list, core_seconds: float) -> None:
    """Weights, and the card with their quality on the held-out photos."""
    from .. import Colorizer
    from ..metrics import evaluate
    from ..training.start import write_weights
    from ._card import Facts

    network, decoding = course.finish()
    settings = course.trainer.settings
    facts = Facts(
        name=args.output.stem,
        init=args.init,
        encoder=network.config["encoder"],
        sets=sets,
        n_held_out=len(usable),
        n_dealt=settings.max_iter * len(course.trainer.batches) * course.trainer.others.size,
        learning_rate=settings.learning_rate_init,
        batch_size=settings.batch_size,
        core_seconds=core_seconds,
        command=command,
        calibration=vars(decoding.calibration),
    )
    params = {name: network.config[name] for name in ("encoder", "decoder", "loss")}
    params["image_size"] = args.image_size
    write_weights(args.output, network, decoding, params, half=True, recipe=facts.header())
    quality = evaluate(Colorizer.from_pretrained(args.output, device=args.device), usable)
    print(quality, flush=True)
    args.output.with_suffix(".md").write_text(facts.text(str(quality)), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
