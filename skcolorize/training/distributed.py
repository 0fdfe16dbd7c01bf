"""Several processes that train one network: what `torchrun` started, or this process alone."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import torch
import torch.distributed as dist
from torch import nn

#: Photos that each process decodes between two exchanges.
BLOCK = 64


class World:
    """The processes of one fit. Alone, every method gives back what it was given.

    Parameters
    ----------
    device : torch.device
        Of this process; decides between NCCL and gloo.
    alone : bool, default=False
        Take this process alone, whoever else is there.
    """

    def __init__(self, device: torch.device, alone: bool = False):
        if _launched_by_torchrun() and not dist.is_initialized():
            dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
        many = dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1
        self.together = many and not alone
        self.rank = dist.get_rank() if self.together else 0
        self.size = dist.get_world_size() if self.together else 1
        self.device = device

    @property
    def leads(self) -> bool:
        """Whether this process is the one that writes and prints."""
        return self.rank == 0

    def agreed(self, value: Any) -> Any:
        """The first process's value, in all of them."""
        if not self.together:
            return value
        box = [value]
        dist.broadcast_object_list(box, src=0)
        return box[0]

    def total(self, value: float) -> float:
        """Sum over the processes."""
        if not self.together:
            return value
        tensor = torch.tensor(value, dtype=torch.float64, device=self.device)
        dist.all_reduce(tensor)
        return float(tensor)

    def dealt(self, work: Callable[[Iterable], Iterable], items: Iterable) -> Iterator:
        """Results of ``work(items)``, which gives one for each item, in order and in every process.

        Each process works on every `size`-th item of a block, then they exchange what came out.
        """
        if not self.together:
            yield from work(items)
            return
        items = iter(items)
        while block := list(islice(items, BLOCK * self.size)):
            shares: list = [None] * self.size
            dist.all_gather_object(shares, list(work(block[self.rank :: self.size])))
            yield from (shares[i % self.size][i // self.size] for i in range(len(block)))

    def wrapped(self, module: nn.Module) -> nn.Module:
        """The module, its gradients averaged over the processes."""
        if not self.together:
            return module
        devices = [self.device] if self.device.type == "cuda" else None
        return nn.parallel.DistributedDataParallel(module, device_ids=devices)

    def average(self, tensors: Iterable[torch.Tensor]) -> None:
        """Put the mean over the processes into each of their tensors."""
        if self.together:
            for tensor in tensors:
                dist.all_reduce(tensor)
                tensor /= self.size

    def synchronise(self, module: nn.Module) -> None:
        """Give every process the first one's weights and buffers."""
        if self.together:
            with torch.no_grad():
                for tensor in [*module.parameters(), *module.buffers()]:
                    dist.broadcast(tensor, src=0)


def _launched_by_torchrun() -> bool:
    """Whether this is a process of torchrun's own: its children inherit the variables but are none."""
    main = multiprocessing.current_process().name == "MainProcess"
    return (
        main and dist.is_available() and int(os.environ.get("WORLD_SIZE", "1")) > 1 and "RANK" in os.environ
    )


def local_device(device: torch.device) -> torch.device:
    """The GPU of this process where several share a machine."""
    if device == torch.device("cuda") and "LOCAL_RANK" in os.environ and _launched_by_torchrun():
        return torch.device("cuda", int(os.environ["LOCAL_RANK"]))
    return device
