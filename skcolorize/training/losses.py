"""The loss of a distribution of colours: what is decoded from it is held to the measure it is judged by."""

from __future__ import annotations

import numpy as np
import torch

from ..inference.decoding import annealed_mean
from ..networks.heads import ALL_ROWS, LogLoss, at_cells
from ..networks.lab import lab_to_rgb

#: Squared error of a photo (sRGB in 0..1) under which little is gained: 34 dB are good enough.
ERROR_FLOOR = 4e-4


class PhotoLoss(LogLoss):
    """The log loss, and the mean over photos of log(1 + squared error / 4e-4) in sRGB.

    PSNR, as it is reported, is a mean over photos of a logarithm; this term is one as well. The error is that
    of the annealed mean at temperature 0.5, in every second column of the rows given, at the lightness that
    the network saw: ``outputs["lightness"]``, L / 50 - 1, at the photo's size or the cells'.
    """

    points: torch.Tensor

    def __init__(self, bins: np.ndarray):
        super().__init__(bins)
        self.register_buffer("points", torch.from_numpy(bins), persistent=False)

    def forward(self, outputs, target_ab, rows: slice = ALL_ROWS):
        return super().forward(outputs, target_ab, rows) + self._log_error(outputs, target_ab, rows)

    def _log_error(self, outputs, target_ab, rows: slice = ALL_ROWS):
        logits, lightness = outputs["logits"], outputs["lightness"]
        with torch.autocast(logits.device.type, enabled=False):  # differences of powers need float32
            maps = (at_cells(t, logits.shape[-2:], rows) for t in (target_ab, lightness))
            target, lightness = (m[..., ::2].float() for m in maps)
            decoded = annealed_mean(logits[..., ::2].float(), self.points, 0.5)
            error = lab_to_rgb(lightness, decoded) - lab_to_rgb(lightness, target)
        return (error.square().mean((1, 2, 3)) / ERROR_FLOOR).log1p().mean()
