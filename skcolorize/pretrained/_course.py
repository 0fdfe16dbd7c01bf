"""The training behind the recipe: the loop of fit, with weights averaged along the way, and its guards."""

from __future__ import annotations

import copy
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from ..inference.decoding import Decoding
from ..metrics import colorfulness
from ..networks import ab_bins, build_network, fold_encoder_norms_, freeze, network_config, set_prior
from ..networks.lab import lab_to_rgb
from ..networks.weights import load_encoder_weights, load_start_weights
from ..training.batches import PhotoBatches
from ..training.distributed import World
from ..training.evaluation import bin_shares, calibrate, validation_score
from ..training.loop import Settings, Trainer, refresh_norms
from ..training.losses import PhotoLoss
from ..training.start import Start, read_weights

#: Photos of each process between two looks at the held-out ones, two checkpoints and two meetings.
ROUND = 10_000
#: Photos after which the guards look: a fresh head knows no colours yet.
WARM_UP = 20_000
#: Steps of the encoder that stay as they are once its first convolution knows gray photos.
FROZEN = 4
DECAY = 0.9995
TEMPERATURES = 0.4, 0.5, 0.6, 0.8, 1.0


class CollapseError(RuntimeError):
    """The network has gone gray, or gives everything one colour: more training does not mend that."""


class AveragingTrainer(Trainer):
    """The loop of fit, beside which an exponential moving average of the weights is kept.

    Under torchrun each process learns from photos of its own, and after each round all go on from the mean of
    their weights: one that has been held up does not stop the others at every step.

    References
    ----------
    S. U. Stich. Local SGD converges fast and communicates little. ICLR 2019.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.others = World(self.device)
        self.average = [p.detach().clone() for p in self.network.parameters()]
        self.n_steps = 0

    def _step(self, share, step: int) -> torch.Tensor:
        loss = super()._step(share, step)
        self.n_steps += 1
        decay = min(DECAY, 1 - 6 / (self.n_steps + 20))  # short at first: the start is soon left behind
        torch._foreach_lerp_(self.average, [p.detach() for p in self.network.parameters()], 1 - decay)
        return loss

    def run_epoch(self) -> None:
        super().run_epoch()
        learned = [p.detach() for p in self.network.parameters()]
        self.others.average(
            [*learned, *self.average, *(b for b in self.network.buffers() if b.is_floating_point())]
        )

    def averaged(self) -> torch.nn.Module:
        """A copy of the network with the averaged weights."""
        network = copy.deepcopy(self.network)
        with torch.no_grad():
            for parameter, mean in zip(network.parameters(), self.average, strict=True):
                parameter.copy_(mean)
        if self.settings.decoder_norms_learn:
            refresh_norms(network, self.batches.centred(), self.settings.batch_size)
        return network.eval()

    def state_dict(self) -> dict:
        return {**super().state_dict(), "average": self.average, "n_steps": self.n_steps}

    def load_state_dict(self, state: dict) -> None:
        super().load_state_dict(state)
        self.average = [mean.to(self.device) for mean in state["average"]]
        self.n_steps = state["n_steps"]


def start_from(init: str, encoder: str, seed: int) -> Start:
    """Network and decoding to begin with.

    Parameters
    ----------
    init : str
        "imagenet" (torchvision's download), or a path: an ``.npz`` of this package, the start weights of this
        recipe, or ImageNet weights as ``.npz`` or ``.pth`` with torchvision's names.
    encoder : str
        Encoder of the latter.
    seed : int
        For what has no stored weights.
    """
    names = []
    if init.endswith(".npz") and os.path.exists(init):
        with np.load(init, allow_pickle=False) as file:
            names = file.files
    if "header" in names:
        return read_weights(init)
    decoding = Decoding(torch.from_numpy(ab_bins()))
    network = build_network(network_config(encoder), seed)
    if "ab_prior" in names:
        decoding.prior = torch.from_numpy(load_start_weights(init, network))
        return Start(network, decoding, "colorizer", new_head=False)
    load_encoder_weights(network, init)
    return Start(network, decoding, "imagenet")


@dataclass
class Health:
    """What the guards look at: mean colourfulness, and the share of the commonest bin other than gray."""

    colorfulness: float
    largest_share: float

    def check(self) -> None:
        """Raise a CollapseError where the network has collapsed."""
        if self.colorfulness < 5:
            raise CollapseError(f"the network has gone gray: colourfulness fell to {self.colorfulness:.1f}")
        if self.largest_share > 0.6:
            raise CollapseError(f"the network collapsed: one colour has {self.largest_share:.0%} of cells")


@torch.no_grad()
def health(network, batches: PhotoBatches, decoding: Decoding, most: int = 64) -> Health:
    """How the network does on up to `most` held-out photos, decoded at vividness 0."""
    assert decoding.bins is not None
    plain, counts, found = batches.centred(), torch.zeros(len(decoding.bins), dtype=torch.long), []
    for position in range(0, len(plain), max(1, len(plain) // most)):
        x, _ = plain.batch([position], 0)
        outputs = network(x)
        counts += outputs["logits"].argmax(1).flatten().bincount(minlength=len(counts)).cpu()
        ab = torch.nn.functional.interpolate(decoding.ab(outputs, 0.0), x.shape[-2:], mode="bilinear")
        found.append(colorfulness(lab_to_rgb(x, ab)[0].permute(1, 2, 0).cpu().numpy()))
    n_cells = int(counts.sum())
    counts[decoding.bins.square().sum(1).argmin()] = 0
    return Health(float(np.mean(found)), int(counts.max()) / n_cells)


class Course:
    """One training from its start to its end, round after round.

    Parameters
    ----------
    start : Start
        Its network is trained in place.
    batches : DealtPhotos
    held_out : PhotoBatches
        Never learned from; calibrates the decoding.
    settings : Settings
        ``max_iter`` rounds of ``len(batches)`` photos.
    """

    def __init__(self, start: Start, batches, held_out: PhotoBatches, settings: Settings):
        network, self.held_out = start.network, held_out
        if network.config["encoder_norms"] != "folded":
            fold_encoder_norms_(network)
        network.to(batches.device).to(memory_format=torch.channels_last)
        self.decoding = start.decoding.to(batches.device)
        assert self.decoding.bins is not None
        loss = PhotoLoss(self.decoding.bins.cpu().numpy()).to(batches.device)
        if start.new_head:
            self.decoding.prior = bin_shares(batches, loss, len(self.decoding.bins)).to(batches.device)
            set_prior(network, self.decoding.prior.cpu().numpy())
        World(batches.device).synchronise(network)
        settings = replace(settings, decoder_norms_learn=start.new_head, row_step=2)
        alone = World(batches.device, alone=True)
        self.trainer = AveragingTrainer(network, loss, batches, settings, world=alone)
        if not start.new_head:
            freeze(network, FROZEN)

    def run(self, save: Callable[[dict], None], report: Callable[[str], None]) -> None:
        """Train to the end; after each round save the state, report, and look whether all is well.

        The first process does that; the others go on meanwhile.

        Raises
        ------
        CollapseError
            The network has gone gray or gives all one colour.
        ValueError
            The loss is not finite.
        """
        trainer, began = self.trainer, time.monotonic()
        first, last = trainer.epoch, trainer.settings.max_iter
        while not trainer.finished:
            trainer.run_epoch()
            if not trainer.others.leads:
                continue
            save(self.state_dict())
            network = trainer.averaged()
            state = health(network, self.held_out, self.decoding)
            score = validation_score(network, self.held_out, self.decoding)
            left = (time.monotonic() - began) / (trainer.epoch - first) * (last - trainer.epoch)
            report(
                f"round {trainer.epoch}/{last}: loss {trainer.history.losses[-1]:.4f}, held-out PSNR "
                f"{score:.2f} dB, colourfulness {state.colorfulness:.1f}, {left / 60:.0f} min left"
            )
            if trainer.epoch * len(trainer.batches) >= WARM_UP:
                state.check()

    def finish(self) -> tuple[torch.nn.Module, Decoding]:
        """The averaged network, and its decoding: the best temperature, vividness as in real photos."""
        network = self.trainer.averaged()

        def at(temperature: float) -> Decoding:
            calibration = replace(self.decoding.calibration, temperature=temperature)
            return replace(self.decoding, calibration=calibration)

        best = max(TEMPERATURES, key=lambda t: validation_score(network, self.held_out, at(t)))
        return network, calibrate(network, self.held_out, at(best))

    def state_dict(self) -> dict:
        """All that an interrupted training needs to go on."""
        return {"trainer": self.trainer.state_dict(), "prior": self.decoding.prior}

    def load_state_dict(self, state: dict) -> None:
        self.trainer.load_state_dict(state["trainer"])
        self.decoding.prior = state["prior"]
