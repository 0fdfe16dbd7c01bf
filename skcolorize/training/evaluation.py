"""What a network makes of cached photos: the score that stopping goes by, the calibration of vividness."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F

from ..inference.decoding import Decoding
from ..metrics import colorfulness, peak_signal_noise_ratio
from ..networks.heads import LogLoss
from ..networks.lab import lab_to_rgb

#: Photos that a calibration looks at.
CALIBRATION_PHOTOS = 128
#: Vividness never multiplies colours by more: beyond it noise is amplified, not colour.
GAINS = 0.25, 2.5


def _picture(x: torch.Tensor, ab: torch.Tensor) -> np.ndarray:
    """uint8 (h, w, 3) of the network's input (1, 1, h, w) and ab of any size (1, 2, ., .), Lab units."""
    ab = F.interpolate(ab, size=x.shape[-2:], mode="bilinear", align_corners=False)
    rgb = lab_to_rgb(x, ab)
    return (rgb[0].permute(1, 2, 0) * 255).round().clamp(0, 255).to(torch.uint8).cpu().numpy()


def _centred(network, batches, most: int | None = None) -> Iterator[tuple]:
    """(input, network outputs, true ab) of each photo without augmentation, one at a time."""
    plain = batches.centred()
    step = 1 if most is None else max(1, len(plain) // most)
    network.eval()
    with torch.no_grad():
        for position in range(0, len(plain), step):
            x, ab = plain.batch([position], 0)
            yield x, network(x), ab


def validation_score(network, batches, decoding: Decoding) -> float:
    """Mean PSNR in dB at training size, vividness 0."""
    scores = [
        peak_signal_noise_ratio(_picture(x, true), _picture(x, decoding.ab(outputs, 0.0)))
        for x, outputs, true in _centred(network, batches)
    ]
    return float(np.mean(scores))


def bin_shares(batches, loss: LogLoss, n_bins: int, most: int = 512) -> torch.Tensor:
    """Share of each bin in the colours of training photos, shape (n_bins,)."""
    plain = batches.centred()
    counts = torch.zeros(n_bins, dtype=torch.float64)
    for position in range(0, len(plain), max(1, len(plain) // most)):
        _, ab = plain.batch([position], 0)
        cells = F.avg_pool2d(ab, 4).movedim(1, -1).reshape(-1, 2)
        indices, weights = loss.soft_targets(cells)
        counts.index_add_(0, indices.flatten().cpu(), weights.flatten().double().cpu())
    return (counts / counts.sum()).float()


def calibrate(network, batches, decoding: Decoding) -> Decoding:
    """Set the gain so that vividness 1 gives photos as colourful as the true ones on average.

    Parameters
    ----------
    network : ColorizationNetwork
    batches : PhotoBatches
        Held-out photos where there are any.
    decoding : Decoding

    Returns
    -------
    decoding : Decoding
    """
    unit = replace(decoding, calibration=replace(decoding.calibration, gain=1.0, base_gain=1.0))
    cells, wanted = [], []
    for x, outputs, true in _centred(network, batches, CALIBRATION_PHOTOS):
        cells.append((x, unit.ab(outputs, 1.0)))
        wanted.append(colorfulness(_picture(x, true)))

    def made(gain: float) -> float:
        return float(np.mean([colorfulness(_picture(x, ab * gain)) for x, ab in cells]))

    low, high = GAINS
    for _ in range(10):
        middle = (low + high) / 2
        low, high = (middle, high) if made(middle) < np.mean(wanted) else (low, middle)
    return replace(decoding, calibration=replace(decoding.calibration, gain=round((low + high) / 2, 3)))
