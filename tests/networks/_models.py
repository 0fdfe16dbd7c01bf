"""torchvision models with random but telling values, and what their own forward gives at the taps."""

import torch
from torch import nn

from skcolorize.networks.encoders import torchvision_model

SMALLEST = {
    "vgg": "vgg11_bn",
    "resnet": "resnet18",
    "mobilenet": "mobilenet_v3_small",
    "efficientnet": "efficientnet_b0",
    "convnext": "convnext_tiny",
    "regnet": "regnet_y_400mf",
    "densenet": "densenet121",
    "squeezenet": "squeezenet1_1",
}
#: more names that are cheap and different: no batch norm, the default encoder
OTHERS = ["vgg11", "mobilenet_v2"]


@torch.no_grad()
def fill(module: nn.Module, seed: int = 0) -> nn.Module:
    """Values that keep activations near one, with norms that are far from doing nothing."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in module.state_dict(keep_vars=True).items():
        if name.endswith(("running_var", "layer_scale")):
            tensor.uniform_(0.5, 1.5, generator=generator)
        elif tensor.ndim >= 2:
            tensor.normal_(0, (2 / tensor[0].numel()) ** 0.5, generator=generator)
        elif name.endswith("weight"):
            tensor.uniform_(0.5, 1.5, generator=generator)
        elif name.endswith("num_batches_tracked"):
            tensor.zero_()
        else:
            tensor.normal_(0, 0.2, generator=generator)
    return module


def original(name: str, seed: int = 0) -> nn.Module:
    """torchvision's own classifier, without the classifying layers, which hold most of VGG."""
    model = torchvision_model(name)
    for child in ("classifier", "fc"):
        if hasattr(model, child):
            setattr(model, child, nn.Identity())
    return fill(model.to_empty(device="cpu"), seed).eval()


def maps_of_original(model: nn.Module, taps: list[str], rgb: torch.Tensor) -> list[torch.Tensor]:
    """What torchvision's forward has at `taps`, caught by hooks."""
    caught = {}
    for tap in taps:
        # DenseNet's last ReLU is a call in its forward, not a module
        where, after = ("features.norm5", torch.relu) if tap == "features.relu5" else (tap, torch.clone)

        def catch(_module, _args, output, tap=tap, after=after):
            caught[tap] = after(output)

        model.get_submodule(where).register_forward_hook(catch)
    with torch.no_grad():
        model(rgb)
    return [caught[tap] for tap in taps]
