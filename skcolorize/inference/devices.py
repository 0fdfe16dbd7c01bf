"""Which device and which precision a parameter means on this machine."""

from __future__ import annotations

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
