"""From what a network says to the a and b of each cell: vividness, confidence, alternatives.

A network trained with ``loss="log_loss"`` gives a distribution over bins of the ab plane for each cell, one
trained with ``loss="squared_error"`` gives ab itself. Both are decoded here, nowhere else.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F

#: Share of the uniform distribution in the prior that logit adjustment divides by.
PRIOR_SMOOTHING = 0.7
#: How far, in Lab units, a random preference for one colour reaches to its neighbours in the ab plane.
PREFERENCE_REACH = 20.0
#: Strength of the random preferences, in logits.
PREFERENCE_STRENGTH = 0.7
#: Cells that are decoded at once: on a processor their distributions stay in its cache.
PIECE = 512
_LOG2_E, _LARGEST_POWER = math.log2(math.e), 115


@dataclass(frozen=True)
class Calibration:
    """How vividness turns a distribution into colours.

    Vividness 0 decodes with `temperature` and `base_gain`; vividness 1 with `vivid_temperature`, the prior
    lifted by `lift` and `gain`; values between and beyond lie on the line through the two.
    """

    temperature: float = 0.5
    base_gain: float = 1.0
    vivid_temperature: float = 0.3
    lift: float = 0.5
    gain: float = 1.0

    def at(self, vividness: float) -> tuple[float, float, float]:
        """Temperature, lift and gain of one vividness."""
        share = min(vividness, 1.0)
        temperature = self.temperature + share * (self.vivid_temperature - self.temperature)
        gain = self.base_gain + vividness * (self.gain - self.base_gain)
        return temperature, vividness * self.lift, max(gain, 0.0)


@dataclass
class Decoding:
    """What belongs to a network to read its outputs.

    Attributes
    ----------
    bins : tensor of shape (n_bins, 2) or None
        Centres in Lab units; None for a network that gives ab itself.
    prior : tensor of shape (n_bins,) or None
        Share of each bin in training photos.
    calibration : Calibration
    """

    bins: torch.Tensor | None = None
    prior: torch.Tensor | None = None
    calibration: Calibration = Calibration()

    def ab(self, outputs: dict[str, torch.Tensor], vividness: float) -> torch.Tensor:
        """Colours of each cell.

        Parameters
        ----------
        outputs : dict of tensors
            What the network gave: ``"logits"`` (N, n_bins, h, w) or ``"ab"`` (N, 2, h, w) in units of 128.
        vividness : float
            0 is the most accurate, 1 as colourful as real photos.

        Returns
        -------
        ab : float32 tensor of shape (N, 2, h, w)
            Lab units.
        """
        temperature, lift, gain = self.calibration.at(vividness)
        if self.bins is None:
            return outputs["ab"].float() * (128.0 * gain)
        return annealed_mean(outputs["logits"], self.bins * gain, temperature, self._frequent(lift))

    def samples(self, outputs, vividness: float, n_samples: int, generator: torch.Generator) -> torch.Tensor:
        """Coherent alternatives: the distribution of one photo decoded under smooth random preferences.

        A preference is a field that is smooth over the picture (a 4 x 4 grid, enlarged) and over the ab
        plane, so that a whole dress turns blue, not each cell of it another colour. Where the distribution
        is sure, it changes nothing.

        Parameters
        ----------
        outputs : dict of tensors
            ``"logits"`` of shape (1, n_bins, h, w).

        Returns
        -------
        ab : float32 tensor of shape (n_samples, 2, h, w)
            Lab units.
        """
        temperature, lift, gain = self.calibration.at(vividness)
        logits, frequent = outputs["logits"], self._frequent(lift)
        assert self.bins is not None  # a network that gives ab itself has no alternatives
        near = torch.exp(-((torch.cdist(self.bins, self.bins) / PREFERENCE_REACH) ** 2) / 2)
        near = near / near.norm(dim=1, keepdim=True)
        drawn = []
        for _ in range(n_samples):
            field = torch.einsum(
                "jk,khw->jhw", near, torch.randn(len(near), 4, 4, generator=generator).to(near)
            )
            field = F.interpolate(field[None], size=logits.shape[-2:], mode="bicubic", align_corners=False)
            preferred = logits + PREFERENCE_STRENGTH * field
            drawn.append(annealed_mean(preferred, self.bins * gain, temperature, frequent))
        return torch.cat(drawn)

    def _frequent(self, lift: float) -> torch.Tensor | None:
        """What is taken back of each bin's logit for being frequent (logit adjustment, Menon et al. 2021)."""
        if self.prior is None or lift == 0:
            return None
        smooth = (1 - PRIOR_SMOOTHING) * self.prior + PRIOR_SMOOTHING / len(self.prior)
        return lift * smooth.log()

    def to(self, device: torch.device) -> Decoding:
        """The same on another device."""
        bins, prior = (None if t is None else t.to(device) for t in (self.bins, self.prior))
        return replace(self, bins=bins, prior=prior)


def annealed_mean(
    logits: torch.Tensor, bins: torch.Tensor, temperature: float, offset: torch.Tensor | None = None
) -> torch.Tensor:
    """Mean over the bins of the distribution sharpened by a temperature.

    Parameters
    ----------
    logits : tensor of shape (N, n_bins, h, w)
    bins : tensor of shape (n_bins, 2)
        Centres in Lab units.
    temperature : float
        1 is the plain mean, towards 0 the most likely bin.
    offset : tensor of shape (n_bins,) or None, default=None
        Taken from the logits of each bin first.

    Returns
    -------
    ab : tensor of shape (N, 2, h, w)
        Lab units.

    References
    ----------
    R. Zhang, P. Isola, A. Efros, "Colorful image colorization", ECCV 2016.
    """
    rows = logits.movedim(1, -1)  # channels lie last in memory
    start = bins.new_zeros(len(bins)) if offset is None else offset / -temperature
    if logits.device.type == "cpu" and not logits.requires_grad:
        return _mean_in_pieces(rows, bins, temperature, start).movedim(-1, 1)
    sharp = torch.add(start, rows.float(), alpha=1 / temperature)
    # a product with (n_bins, 2) as it is takes longer than the softmax
    return F.linear(torch.softmax(sharp, dim=-1), bins.T.contiguous()).movedim(-1, 1)


def _mean_in_pieces(rows, bins, temperature: float, start) -> torch.Tensor:
    """`annealed_mean` of rows (..., n_bins), on a processor: what is worked on stays in its cache.

    Shares are taken relative to the largest of their row only where they would leave float32 otherwise. The
    smallest are raised to 1e-35: numbers so small that they lose digits take a processor many times as long,
    and a sharpened distribution is full of them. Powers of 2 take it two thirds of those of e; sums are
    NumPy's, in a tenth of the time.
    """
    columns = np.ones((len(bins), 3), np.float32)
    columns[:, :2] = bins
    ab = rows.new_empty(*rows.shape[:-1], 2, dtype=torch.float32)
    means, spare = ab.view(-1, 2).numpy(), torch.empty(PIECE, len(bins))
    start = start * _LOG2_E

    def sums_of(part, relative):
        powers = torch.add(start, part.float(), alpha=_LOG2_E / temperature, out=spare[: len(part)])
        if relative:
            powers -= powers.amax(dim=-1, keepdim=True)
        return powers.clamp_(-_LARGEST_POWER, _LARGEST_POWER).exp2_().numpy() @ columns

    for i, part in enumerate(rows.reshape(-1, len(bins)).split(PIECE)):
        sums = sums_of(part, relative=False)
        if sums[:, 2].min() < 1e-20 or not sums[:, 2].max() < 1e30:  # where what was clamped would count
            sums = sums_of(part, relative=True)
        np.divide(sums[:, :2], sums[:, 2:], out=means[i * PIECE : i * PIECE + len(part)])
    return ab


def confidence(logits: torch.Tensor) -> torch.Tensor:
    """How sure the distribution as learned is: 1 - H / log(n_bins), shape (N, h, w) in 0..1."""
    log_shares = torch.log_softmax(logits.float(), dim=1)
    entropy = -(log_shares.exp() * log_shares).sum(dim=1)
    return (1 - entropy / math.log(logits.shape[1])).clamp(0, 1)
