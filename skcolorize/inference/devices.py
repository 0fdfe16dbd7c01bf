"""Which device and which precision a parameter means on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


def resolve_device(device: str | torch.device) -> torch.device:
    """The device of a ``device`` parameter: "auto" is cuda where there is one, else cpu.

    Raises
    ------
    ValueError
        Where PyTorch does not know the device, or the machine has none.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        resolved = torch.device(device)
    except RuntimeError as error:
        raise ValueError(
            f"The 'device' parameter must be 'auto' or a device of PyTorch, such as 'cpu'. Got {device!r}."
        ) from error
    if resolved.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(
            f"device={device!r}, but PyTorch finds no CUDA device here: use device='auto' or 'cpu'"
        )
    return resolved


def _fast_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type != "cpu" or not hasattr(torch.cpu, "get_capabilities"):
        return False
    abilities = torch.cpu.get_capabilities()
    return any(abilities.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))


def resolve_precision(precision: str, device: torch.device, *, learning: bool) -> str:
    """The dtype of a ``precision`` parameter.

    "auto" is bfloat16 for learning where the device computes it fast (float16 on older GPUs), float32
    otherwise; predictions stay float32, so that pictures do not depend on the machine.
    """
    if precision != "auto":
        return precision
    if not learning:
        return "float32"
    if _fast_bfloat16(device):
        return "bfloat16"
    return "float16" if device.type == "cuda" else "float32"


def spare_memory(device: torch.device) -> int:
    """Bytes of a GPU that photos may lie in while they are learned from: half of what is free.

    0 where photos lie in the device's memory already, or it does not tell.
    """
    return torch.cuda.mem_get_info(device)[0] // 2 if device.type == "cuda" else 0


@contextmanager
def memory_told(device: torch.device, what: str, remedy: str) -> Iterator[None]:
    """Turn PyTorch's want of memory into a MemoryError that names what is to be done."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise MemoryError(f"{device} has too little memory for {what}: {remedy}") from error
