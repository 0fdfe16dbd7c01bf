"""One fit from its start to its end: what learns, in which epochs, and what is settled when they are over."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from ..inference.decoding import Decoding
from ..networks import SquaredError, fold_encoder_norms_, set_prior
from .batches import FeatureBatches, PhotoBatches
from .cache import PhotoCache
from .evaluation import bin_shares, calibrate, validation_score
from .loop import Settings, Trainer, refresh_norms
from .losses import PhotoLoss
from .start import Start
from .uploading import uploaded

#: A start that knows colours counts as much as this many photos when its weights and the learned ones are
#: averaged (Wortsman et al. 2022): fifty photos teach a speciality without taking the rest away.
ANCHOR_PHOTOS = 60
#: Such a fit does without so much of the deepest maps in each step: what it learns rests on more than a few
#: channels.
MAP_DROPOUT = 0.4


class Run:
    """The course of one fit.

    Parameters
    ----------
    start : Start
        Its network is trained in place.
    cache : PhotoCache
        At least one photo.
    settings : Settings
        ``freeze_encoder`` decided, ``batch_size`` as asked for.
    size : (int, int)
        Height and width of a training picture.
    augment : {True, "flip", False}
    validation_fraction : float
        Held out where ``settings.early_stopping``.
    device : torch.device
    """

    def __init__(
        self, start: Start, cache: PhotoCache, settings: Settings, size, augment, validation_fraction, device
    ):
        self.start, self.network = start, start.network
        self.decoding = start.decoding.to(device)
        learning, held_out = _split(len(cache), settings, validation_fraction)
        encoder_norms_learn = start.origin == "random" and not settings.freeze_encoder
        if not encoder_norms_learn and self.network.config["encoder_norms"] != "folded":
            fold_encoder_norms_(self.network)
        self.network.to(device).to(memory_format=torch.channels_last)
        anchored = settings.anchored and start.origin == "colorizer" and not start.new_head
        self.settings = replace(
            settings,
            anchored=anchored,
            map_dropout=MAP_DROPOUT if anchored else 0.0,
            batch_size=min(settings.batch_size, len(learning)),
            encoder_norms_learn=encoder_norms_learn,
            decoder_norms_learn=start.origin != "colorizer",
            row_step=1 if self.decoding.bins is None else 2,
        )
        cache = uploaded(cache, device)
        part = dict(size=size, augment=augment, seed=settings.seed, device=device)
        photos = PhotoBatches(cache, learning, **part)
        self.held_out = PhotoBatches(cache, held_out, **part) if len(held_out) else None
        bins = self.decoding.bins
        loss = SquaredError() if bins is None else PhotoLoss(bins.cpu().numpy())
        loss = loss.to(device)
        if bins is not None and isinstance(loss, PhotoLoss) and self.decoding.prior is None:
            self.decoding.prior = bin_shares(photos, loss, len(bins)).to(device)
            set_prior(self.network, self.decoding.prior.cpu().numpy())
        self.photos = photos
        if settings.freeze_encoder and augment is not True:
            photos = FeatureBatches(photos, self.network)
        validate = self._validate if self.held_out else None
        self.trainer = Trainer(self.network, loss, photos, self.settings, validate)
        self._anchor = None
        if self.settings.anchored:
            self._anchor = [p.detach().clone() for p in self.network.parameters()]
        self._began, self._first = time.monotonic(), 0

    @property
    def history(self):
        return self.trainer.history

    @property
    def finished(self) -> bool:
        return self.trainer.finished

    def _validate(self, network) -> float:
        return validation_score(network, self.held_out, self.decoding)

    def report(self) -> str:
        """One line on the last epoch."""
        history, epoch, last = self.history, self.trainer.epoch, self.settings.max_iter
        score = f", validation PSNR {history.scores[-1]:.2f} dB" if history.scores else ""
        left = (time.monotonic() - self._began) / max(1, epoch - self._first) * (last - epoch)
        return f"epoch {epoch}/{last}: loss {history.losses[-1]:.4f}{score}, {left:.0f} s left"

    def finish(self) -> Decoding:
        """Put the final weights in place, settle norms and vividness, and give the decoding of the result."""
        world = self.trainer.world
        self.trainer.restore_best()
        if self._anchor is not None:
            learned = len(self.photos) / (len(self.photos) + ANCHOR_PHOTOS)
            with torch.no_grad():
                torch._foreach_lerp_(list(self.network.parameters()), self._anchor, 1 - learned)
        if self.settings.decoder_norms_learn:
            parts = ("encoder", "decoder") if self.settings.encoder_norms_learn else ("decoder",)
            refresh_norms(self.network, self.photos.centred(), self.settings.batch_size, parts)
            world.synchronise(self.network)
        self.network.requires_grad_(True).eval()
        if self.held_out is not None or self.start.new_head:
            # Photos learned by heart look colourful without any lift: a stored calibration is kept over them.
            photos = self.held_out or self.photos
            calibrated = calibrate(self.network, photos, self.decoding) if world.leads else None
            self.decoding = replace(
                self.decoding, calibration=world.agreed(calibrated and calibrated.calibration)
            )
        return self.decoding

    def state_dict(self) -> dict[str, Any]:
        """All that an interrupted fit needs to go on."""
        return {"trainer": self.trainer.state_dict(), "prior": self.decoding.prior}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.trainer.load_state_dict(state["trainer"])
        self._first = self.trainer.epoch
        self.decoding.prior = state["prior"]
        self.decoding = self.decoding.to(self.trainer.device)


def _split(n_photos: int, settings: Settings, fraction: float) -> tuple[np.ndarray, np.ndarray]:
    """Positions that are learned from, and those held out for the score."""
    everything = np.arange(n_photos)
    if not settings.early_stopping:
        return everything, everything[:0]
    n_held_out = max(1, round(fraction * n_photos))
    if n_held_out >= n_photos:
        raise ValueError(
            f"early_stopping=True holds out {n_held_out} of {n_photos} usable photos: none is left to fit"
        )
    shuffled = np.random.default_rng([settings.seed, 1]).permutation(n_photos)
    return np.sort(shuffled[n_held_out:]), np.sort(shuffled[:n_held_out])
