"""The training loop: epochs, steps, learning rate, stopping. Knows no estimator and no file."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from ..inference.devices import memory_told
from ..networks.heads import ALL_ROWS
from .augmentation import channels_kept, order
from .distributed import World

#: Initial learning rates of ``learning_rate_init="auto"``: of a new decoder, and of one that knows colours.
FRESH_RATE, TUNING_RATE = 1e-3, 5e-4
#: Steps over which the learning rate rises at the start of a cosine, and at most what share of all steps.
WARM_UP = 100, 0.05


@dataclass(frozen=True)
class Settings:
    """What the loop must know; the names are the Colorizer's."""

    max_iter: int
    batch_size: int
    learning_rate: str = "cosine"
    learning_rate_init: float = 1e-3
    encoder_learning_rate_ratio: float = 1.0
    weight_decay: float = 1e-2
    freeze_encoder: bool = False
    encoder_norms_learn: bool = False
    decoder_norms_learn: bool = True
    early_stopping: bool = False
    n_iter_no_change: int = 5
    tol: float = 1e-4
    anchored: bool = False
    precision: str = "float32"
    map_dropout: float = 0.0  #: share of the channels of the two deepest maps that a step does without
    row_step: int = 1  #: a step learns from every so many rows of the map, other ones at the next
    seed: int = 0


@dataclass
class History:
    """What the epochs gave."""

    losses: list[float] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    stopped: bool = False

    def stale(self, settings: Settings) -> bool:
        """Whether `n_iter_no_change` epochs have passed without a gain of `tol`, in the terms of MLP."""
        if settings.early_stopping:
            gains = self.scores
        elif settings.learning_rate == "constant":
            gains = [-loss for loss in self.losses]
        else:  # a cosine has not shown what it can before its end
            return False
        best, since = -math.inf, 0
        for value in gains:
            since = 0 if value >= best + settings.tol else since + 1
            best = max(best, value)
        return since > settings.n_iter_no_change


class _Share(NamedTuple):
    """What one process learns from in a step."""

    inputs: Any
    target: torch.Tensor
    masks: tuple[torch.Tensor, ...]
    weight: float
    n_photos: int


class _Forward(nn.Module):
    """What a batch goes through, as one module, so that several processes can average its gradients."""

    def __init__(self, network, forward: Callable):
        super().__init__()
        self.network, self._forward = network, forward

    def forward(self, inputs, rows: slice, masks):
        return self._forward(self.network, inputs, rows, masks)


class Trainer:
    """Trains a network one epoch at a time.

    Under torchrun each process takes its part of every batch; order, crops and steps are those of one.

    Parameters
    ----------
    network : ColorizationNetwork
        Changed in place.
    loss : callable
        (outputs, ab target in Lab units, rows that the outputs hold) -> scalar tensor.
    batches : PhotoBatches or FeatureBatches
    settings : Settings
    validate : callable or None
        network -> score of the held-out photos, greater is better; needed for early stopping.
    world : World or None
        The processes that share each batch; None: all that there are.
    """

    def __init__(
        self,
        network,
        loss,
        batches,
        settings: Settings,
        validate: Callable | None = None,
        world: World | None = None,
    ):
        self.network, self.loss, self.batches = network, loss, batches
        self.settings, self.validate = settings, validate
        self.history = History()
        self.epoch = 0
        self._best: dict | None = None
        for parameter in network.encoder.parameters():
            parameter.requires_grad_(not settings.freeze_encoder)
        self.world = world or World(self.device)
        self._forward = self.world.wrapped(_Forward(network, batches.forward))
        fused = self.device.type in ("cpu", "cuda")
        self.optimizer = torch.optim.AdamW(self._groups(), lr=settings.learning_rate_init, fused=fused)
        self._rates = [group["lr"] for group in self.optimizer.param_groups]
        self._scaler = torch.amp.GradScaler(self.device.type, enabled=settings.precision == "float16")

    @property
    def device(self) -> torch.device:
        return next(self.network.parameters()).device

    @property
    def n_batches(self) -> int:
        return math.ceil(len(self.batches) / self.settings.batch_size)

    @property
    def finished(self) -> bool:
        return self.history.stopped or self.epoch >= self.settings.max_iter

    def _groups(self) -> list[dict]:
        """Parameter groups: the encoder at its own rate, no decay on norms and biases."""
        groups = []
        for part, ratio in (("encoder", self.settings.encoder_learning_rate_ratio), ("", 1.0)):
            named = [
                (name, p)
                for name, p in self.network.named_parameters()
                if p.requires_grad and name.startswith("encoder.") == bool(part)
            ]
            for decayed in (True, False):
                members = [p for _, p in named if (p.ndim > 1) == decayed]
                if members:
                    decay = self.settings.weight_decay if decayed else 0.0
                    rate = self.settings.learning_rate_init * ratio
                    groups.append({"params": members, "lr": rate, "weight_decay": decay})
        return groups

    def _rate(self, step: int) -> float:
        """Share of the initial learning rate at a step."""
        if self.settings.learning_rate == "constant":
            return 1.0
        total = self.settings.max_iter * self.n_batches
        warm_up = min(WARM_UP[0], int(WARM_UP[1] * total))
        if step < warm_up:
            return (step + 1) / (warm_up + 1)
        return 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(1, total - warm_up)))

    def _set_modes(self, batch: int) -> None:
        """Norms that learn are in train mode; one photo alone has no batch statistics."""
        enough = batch > 1
        self.network.encoder.train(self.settings.encoder_norms_learn and enough)
        self.network.decoder.train(self.settings.decoder_norms_learn and enough)
        self.network.head.train()

    def run_epoch(self) -> None:
        """One pass over the photos, then the score where there is one."""
        settings, total = self.settings, 0.0
        shuffled = order(settings.seed, self.epoch, len(self.batches))
        dealt = [shuffled[i : i + settings.batch_size] for i in range(0, len(shuffled), settings.batch_size)]
        what = f"a step of {settings.batch_size} photos"
        waiting: tuple[torch.Tensor, int] | None = None
        with ThreadPoolExecutor(1) as thread:
            following = thread.submit(self._share, dealt[0])
            for i, positions in enumerate(dealt):
                with memory_told(self.device, what, "lower batch_size or image_size"):
                    share = following.result()
                    if i + 1 < len(dealt):  # the next batch is made while the network learns from this one
                        following = thread.submit(self._share, dealt[i + 1])
                    loss = self._step(share, self.epoch * self.n_batches + i)
                # a step late, so that a GPU goes on meanwhile
                total += self._checked(waiting)
                waiting = loss, len(positions)
        total += self._checked(waiting)
        self.epoch += 1
        self.history.losses.append(self.world.total(total) / len(self.batches))
        if settings.early_stopping:
            self._score()
        self.history.stopped = self.history.stale(settings)

    def _share(self, positions: np.ndarray) -> _Share:
        """This process's part of a batch."""
        own = positions[self.world.rank :: self.world.size]
        # gradients are averaged over processes; one that has no photo left takes part with weight 0
        weight = len(own) * self.world.size / len(positions)
        taken = own if len(own) else positions[:1]
        inputs, target = self.batches.batch(taken, self.epoch)
        return _Share(inputs, target, self._masks(taken), weight, len(own))

    def _masks(self, positions: np.ndarray) -> tuple[torch.Tensor, ...]:
        """What the deepest maps of some photos are multiplied by."""
        settings = self.settings
        if not settings.map_dropout:
            return ()
        photos, n_channels = self.batches.photos[positions], self.network.config["channels"][-2:]
        masks = channels_kept(settings.seed, self.epoch, photos, n_channels, settings.map_dropout)
        return tuple(mask.to(self.device) for mask in masks)

    def _step(self, share: _Share, step: int) -> torch.Tensor:
        rate = self._rate(step)
        for group, initial in zip(self.optimizer.param_groups, self._rates, strict=True):
            group["lr"] = initial * rate
        every = self.settings.row_step
        rows = ALL_ROWS if every == 1 else slice(step % every, None, every)
        self._set_modes(share.n_photos)
        dtype = getattr(torch, self.settings.precision)
        with (
            torch.enable_grad(),
            torch.autocast(self.device.type, dtype, enabled=dtype != torch.float32),
        ):
            outputs = self._forward(share.inputs, rows, share.masks)
            loss = self.loss(outputs, share.target, rows) * share.weight
        self.optimizer.zero_grad(set_to_none=True)
        self._scaler.scale(loss).backward()
        self._scaler.unscale_(self.optimizer)
        torch.nn.utils.clip_grad_norm_([p for g in self.optimizer.param_groups for p in g["params"]], 1.0)
        self._scaler.step(self.optimizer)
        self._scaler.update()
        return loss.detach() / self.world.size

    def _checked(self, waiting: tuple[torch.Tensor, int] | None) -> float:
        """The loss of a step, times its photos."""
        if waiting is None:
            return 0.0
        value = float(waiting[0])
        if not math.isfinite(value):
            raise ValueError(
                f"the loss became {value} in epoch {self.epoch + 1}: lower learning_rate_init "
                f"(now {self.settings.learning_rate_init}), or try precision='float32'"
            )
        return value * waiting[1]

    def _score(self) -> None:
        self.network.eval()
        assert self.validate is not None  # early stopping holds photos out
        score = self.world.agreed(self.validate(self.network) if self.world.leads else None)
        if not self.history.scores or score > max(self.history.scores):
            self._best = {k: v.detach().clone() for k, v in self.network.state_dict().items()}
        self.history.scores.append(score)

    def restore_best(self) -> None:
        """Put back the weights of the epoch with the best score, where there are scores."""
        if self._best is not None:
            self.network.load_state_dict(self._best)
        self.world.synchronise(self.network)
        self.network.eval()

    def take_moments(self, optimizer_state: dict[str, Any]) -> None:
        """Go on with the moments of an earlier trainer's optimizer, unless it moved other parameters."""
        own = self.optimizer.state_dict()
        groups, theirs = ([group["params"] for group in s["param_groups"]] for s in (own, optimizer_state))
        if groups == theirs:
            # a copy: PyTorch would go on in the earlier one's own tensors
            self.optimizer.load_state_dict({**own, "state": deepcopy(optimizer_state["state"])})

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to go on as if nothing had happened."""
        return {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self._scaler.state_dict(),
            "epoch": self.epoch,
            "losses": list(self.history.losses),
            "scores": list(self.history.scores),
            "stopped": self.history.stopped,
            "best": self._best,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self._scaler.load_state_dict(state["scaler"])
        self.epoch, self._best = state["epoch"], state["best"]
        self.history = History(list(state["losses"]), list(state["scores"]), state["stopped"])


@torch.no_grad()
def refresh_norms(network, batches, batch_size: int, parts=("decoder",)) -> None:
    """Estimate the statistics of batch norms anew, on the training photos as prediction will see them.

    The running mean that training leaves behind lags after the last steps, by much in a short fit.
    """
    norms = [
        module
        for part in parts
        for module in getattr(network, part).modules()
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm)
    ]
    if not norms or len(batches) < 2:
        return
    momenta = [norm.momentum for norm in norms]
    network.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a cumulative average
        norm.train()
    n = min(len(batches), 512)
    for start in range(0, n, batch_size):
        positions = np.arange(start, min(start + batch_size, n))
        if len(positions) > 1:
            inputs, _ = batches.batch(positions, 0)
            batches.forward(network, inputs)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    network.eval()
