"""Where the loop takes its batches from: crops of cached photos, or features of a frozen encoder."""

from __future__ import annotations

import math

import numpy as np
import torch

from ..inference.devices import spare_memory
from ..networks.heads import ALL_ROWS, reduce_to
from .augmentation import draws, make_batch
from .cache import ArrayStore


class PhotoBatches:
    """Crops of cached photos, new ones each epoch.

    Parameters
    ----------
    cache : sequence of uint8 arrays
    photos : array of int
        Positions in the cache that belong to this part of the data.
    size : (int, int)
        Height and width of a crop.
    augment : {True, "flip", False}
    seed : int
    device : torch.device
    """

    def __init__(self, cache, photos, size, augment, seed: int, device):
        self.cache, self.photos, self.size = cache, np.asarray(photos), size
        self.augment, self.seed, self.device = augment, seed, device

    def __len__(self) -> int:
        return len(self.photos)

    def batch(self, positions, epoch: int):
        """Input and target (n, 2, h, w) in Lab units of the photos at some positions of this part."""
        photos = self.photos[positions]
        return make_batch(self.cache, photos, self.size, self.augment, self.seed, epoch, self.device)

    def centred(self) -> PhotoBatches:
        """The same photos without augmentation."""
        return PhotoBatches(self.cache, self.photos, self.size, False, self.seed, self.device)

    @staticmethod
    def forward(network, x, rows: slice = ALL_ROWS, masks=()):
        """The network's outputs, the deepest maps times `masks`, and the lightness they were made of."""
        return {**network.decode(_masked(network.encode(x), masks), rows), "lightness": x}


class FeatureBatches(PhotoBatches):
    """Maps of a frozen encoder, computed once for each photo, and for its mirror image with flips.

    They are kept as float16, channels last: what is lost is a thousandth of a map's values, half of the
    memory is saved. Lightness and colours are kept at the size of the network's outputs.
    """

    def __init__(self, batches: PhotoBatches, network):
        super().__init__(
            batches.cache, batches.photos, batches.size, batches.augment, batches.seed, batches.device
        )
        self._rows: ArrayStore | torch.Tensor = ArrayStore()
        self._shapes: list[tuple] = []
        centred = batches.centred()
        network.eval()  # a photo that is looked at here must not move the norms of the decoder
        with torch.no_grad():
            for position in range(len(centred)):
                x, ab = centred.batch([position], 0)
                for flipped in (False, True) if self.augment == "flip" else (False,):
                    at = position * self._views + flipped
                    self._keep(at, network, x.flip(-1) if flipped else x, ab.flip(-1) if flipped else ab)

    @property
    def _views(self) -> int:
        """Rows of a photo."""
        return 2 if self.augment == "flip" else 1

    def _keep(self, at: int, network, x, ab) -> None:
        maps = network.encode(x)
        if not self._shapes:
            [output] = network.decode(maps).values()
            self._cells = output.shape[-2:]
        at_cells = (reduce_to(plane, self._cells) for plane in (x, ab))
        maps = [m.movedim(1, -1) for m in (*maps, *at_cells)]
        row = torch.cat([m.flatten().half() for m in maps])
        if at == 0:
            self._shapes = [tuple(m.shape[1:]) for m in maps]
            whole = len(self) * self._views, len(row)
            if 2 * math.prod(whole) <= spare_memory(self.device):
                self._rows = row.new_empty(whole)
        if isinstance(self._rows, ArrayStore):
            self._rows.append(row.cpu().numpy())
        else:
            self._rows[at] = row

    def batch(self, positions, epoch: int):
        rows = []
        for position in positions:
            flipped = False
            if self.augment == "flip":
                flipped = draws(self.seed, epoch, int(self.photos[position])).random() < 0.5
            rows.append(int(position) * self._views + flipped)
        if isinstance(self._rows, ArrayStore):
            flat = torch.from_numpy(np.stack([self._rows[row] for row in rows])).to(self.device)
        else:
            flat = self._rows[torch.tensor(rows, device=self.device)]
        parts = flat.split([math.prod(shape) for shape in self._shapes], dim=1)
        maps = [
            part.float().view(len(flat), *shape).movedim(-1, 1)
            for part, shape in zip(parts, self._shapes, strict=True)
        ]
        return tuple(maps[:-1]), maps[-1]

    @staticmethod
    def forward(network, x, rows: slice = ALL_ROWS, masks=()):
        *maps, lightness = x
        return {**network.decode(_masked(maps, masks), rows), "lightness": lightness}


def _masked(maps, masks) -> tuple[torch.Tensor, ...]:
    """Maps of which the last ones, the deepest, are multiplied by masks."""
    whole = len(maps) - len(masks)
    deep = zip(maps[whole:], masks, strict=True)
    return (*maps[:whole], *(m * mask.to(m.dtype) for m, mask in deep))
