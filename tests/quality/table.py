"""The quality table of the documentation, from photos kept apart and photos to learn from.

    python tests/quality/table.py PHOTOS --learn PHOTOS [--encoder mobilenet_v2 --weights FILE] \\
        -o docs/user_guide/quality.csv

Every second photo of PHOTOS is measured (the others chose settings). The classic recipe (frozen encoder,
plain decoder, squared error) learns from the photos to learn from: with VGG19's weights where torchvision's
cache has them, else with the encoder and the ``.pth`` weights that are named.
"""

import argparse
import csv
import time
from pathlib import Path

import numpy as np
import torch

from skcolorize import Colorizer
from skcolorize.color import lab_to_rgb, rgb_to_lab
from skcolorize.datasets import image_paths
from skcolorize.images.decode import read_photo
from skcolorize.metrics import evaluate

CURVE = (0.0, 0.25, 0.5, 0.75, 1.0)
HEADINGS = {
    "gain": ("over gray, dB", 2),
    "ssim": ("SSIM", 3),
    "ciede2000": ("CIEDE2000", 2),
    "colorfulness": ("CF", 1),
    "colorfulness_difference": ("dCF", 1),
    "hue_total_variation": ("hue TV", 2),
    "orange_ratio": ("orange", 2),
}


class MeanColor:
    """Gives every pixel the mean ab of photos."""

    def fit(self, paths):
        self.ab_ = np.mean(
            [rgb_to_lab(read_photo(path).pixels)[..., 1:].mean((0, 1)) for path in paths], axis=0
        )
        return self

    def predict(self, grays):
        labs = (rgb_to_lab(np.repeat(gray[..., None], 3, axis=2)) for gray in grays)
        return [
            lab_to_rgb(np.dstack([lab[..., :1], np.broadcast_to(self.ab_, lab[..., 1:].shape)]))
            for lab in labs
        ]


def classic_recipe(encoder, weights, max_iter):
    """The recipe of many tutorials, as in the gallery."""
    cached = sorted((Path(torch.hub.get_dir()) / "checkpoints").glob("vgg19-*.pth"))
    return Colorizer(
        "vgg19" if cached else encoder,
        decoder="plain",
        loss="squared_error",
        weights=cached[0] if cached else weights,
        freeze_encoder=True,
        image_size=(224, 224),
        batch_size=32,
        learning_rate="constant",
        weight_decay=0,
        augment=False,
        max_iter=max_iter,
        random_state=0,
    )


def row(name, summary, core_seconds="", photos="") -> list:
    """One line of the table."""
    cells = []
    for measure, (_, digits) in HEADINGS.items():
        value, low, high = summary[measure]
        interval = f" ± {(high - low) / 2:.{digits}f}" if measure == "gain" else ""
        cells.append(f"{value:{'+' if measure == 'gain' else ''}.{digits}f}{interval}")
    return [name, *cells, core_seconds, photos]


class Rows(list):
    """Rows that are told as they come: the whole table takes a quarter of an hour."""

    def append(self, row):
        super().append(row)
        print(" | ".join(map(str, row)), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("photos")
    parser.add_argument("--learn", required=True)
    parser.add_argument("--encoder", default="mobilenet_v2")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--max-iter", type=int, default=10)
    parser.add_argument(
        "--cost", nargs=2, default=("", ""), metavar=("SECONDS", "PHOTOS"), help="of the embedded network"
    )
    parser.add_argument("-o", "--output", type=Path, required=True)
    args = parser.parse_args()
    measured, learn = image_paths(args.photos)[1::2], image_paths(args.learn)

    rows = Rows()
    mean = MeanColor().fit(learn)
    result = evaluate(mean, measured)
    gray = result.summary["gray"]["psnr"][0]
    rows.append(row(f"gray ({gray:.2f} dB)", result.summary["gray"]))
    rows.append(row("mean colour of the photos learned from", result.summary["as predicted"], 0, len(learn)))

    classic = classic_recipe(args.encoder, args.weights, args.max_iter)
    began = time.process_time()
    classic.fit(learn)
    spent = round(time.process_time() - began)
    summary = evaluate(classic, measured, baselines=()).summary["vividness 0"]
    rows.append(row(f"classic recipe, {classic.encoder} held fixed", summary, spent, len(learn)))

    embedded = Colorizer.from_pretrained()
    for vividness in CURVE:
        embedded.set_params(vividness=vividness)
        result = evaluate(embedded, measured, baselines=("mean",) if vividness else ())
        rows.append(row(f"embedded, vividness {vividness:g}", result.summary["as predicted"], *args.cost))
        if vividness:
            constant = f"mean times {result.constant:.2f}"
            rows.append(row(f"vividness 0 times {result.constant:.2f}", result.summary[constant]))
    with open(args.output, "w", newline="", encoding="utf-8") as file:
        headings = [heading for heading, _ in HEADINGS.values()]
        csv.writer(file).writerows([["", *headings, "core-seconds", "photos seen"], *rows])


if __name__ == "__main__":
    main()
