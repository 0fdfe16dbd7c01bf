"""
What encoders cost
==================

What does a larger encoder cost, before anything is known of its colours? Parameters, the maps
that the decoder gets, and time.
"""

# %%
# Networks with random weights cost as much as trained ones. Each gets the U-Net decoder and the
# head; norms are folded into convolutions, as ``predict`` does.

import time

import matplotlib.pyplot as plt
import torch

from skcolorize.networks import build_network, fold_batch_norm, network_config

names = [
    "mobilenet_v3_small", "squeezenet1_1", "mobilenet_v3_large", "mobilenet_v2",
    "efficientnet_b0", "regnet_y_400mf", "resnet18", "densenet121", "vgg11",
]  # fmt: skip
photo = torch.zeros(1, 1, 192, 192)
networks, millions = {}, {}
print(f"{'encoder':<20}{'parameters':>12}   maps: channels x height")
with torch.inference_mode():
    for name in names:
        network = build_network(network_config(name)).eval()
        millions[name] = sum(p.numel() for p in network.parameters()) / 1e6
        maps = ", ".join(f"{m.shape[1]}x{m.shape[2]}" for m in network.encode(photo))
        print(f"{name:<20}{millions[name]:>10.1f} M   {maps}")
        networks[name] = fold_batch_norm(network).to(memory_format=torch.channels_last)

# %%
# Time for one photo, the best of five rounds, beside the default encoder. Ratios travel between
# machines better than milliseconds do.

best = dict.fromkeys(names, float("inf"))
with torch.inference_mode():
    for _ in range(5):
        for name, network in networks.items():
            start = time.process_time()
            network(photo)
            best[name] = min(best[name], time.process_time() - start)

names.sort(key=best.get)
ratios = [best[name] / best["mobilenet_v2"] for name in names]
fig, ax = plt.subplots(figsize=(8, 3.6), layout="constrained")
bars = ax.barh(names, ratios, color=["C1" if n == "mobilenet_v2" else "C0" for n in names])
ax.bar_label(bars, [f"{ratio:.1f}" for ratio in ratios], padding=3)
ax.invert_yaxis()
ax.set(xlabel="time of one 192 x 192 photo, mobilenet_v2 = 1")

# %%
# **To take away**: the default is among the cheapest, and the only one with an embedded start:
# the others begin with ImageNet's weights, and learn all they know of colour from your photos.
# Take one of them when you have many thousands of photos, and measure. How good the default is,
# and networks of others up to 170 times as large, stands in :doc:`/user_guide/limits`.
