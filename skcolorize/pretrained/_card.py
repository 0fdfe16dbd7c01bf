"""The model card that is written beside the weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ._sets import PhotoSet

FIRST_LINE = (
    "Code BSD-3-Clause; weights trained on the photo sets listed below. Whether the terms of photos reach "
    "the weights trained on them is unsettled, and there is no warranty: for commercial use train with this "
    "recipe on photos you hold rights to."
)


@dataclass(frozen=True)
class Facts:
    """What a card tells."""

    name: str
    init: str
    encoder: str
    sets: list[PhotoSet]
    n_held_out: int
    n_dealt: int
    learning_rate: float
    batch_size: int
    core_seconds: float
    command: str
    calibration: dict

    def header(self) -> dict:
        """The part that goes into the weights file."""
        return {
            "init": self.init,
            "sets": [{"source": s.source, "photos": len(s.items), "weight": s.weight} for s in self.sets],
            "photos_dealt": self.n_dealt,
            "core_seconds": round(self.core_seconds),
        }

    def text(self, quality: str) -> str:
        """The card in Markdown, with a table of quality in it."""
        rows = "\n".join(f"| {s.source} | {len(s.items):,} | {s.weight:g} |" for s in self.sets)
        calibration = ", ".join(f"{name} {np.round(value, 3):g}" for name, value in self.calibration.items())
        return f"""{FIRST_LINE}

# {self.name}

Colours black-and-white photos: {self.encoder} on lightness, a light U-Net decoder, a distribution over bins
of the ab plane at a quarter of the working size.

## Intended use

Plausible colours for photos of everyday scenes, and a start for training on photos of one's own. The colours
are guesses, not facts: they are no evidence of what anything looked like.

## Training

Started from: {self.init}. Then {self.n_dealt:,} crops at batch size {self.batch_size}, AdamW at
{self.learning_rate:g} with a cosine to 0, weights averaged, in {self.core_seconds:,.0f} core-seconds:

    {self.command}

| photos | number | dealt in a pass |
| --- | --- | --- |
{rows}

## Quality

On {self.n_held_out:,} photos held out from training, which also chose the temperature and calibrated the
vividness: read the figures as slightly kind. Gray is what a colouriser must beat; CF is colourfulness.

```
{quality}
```

Decoding: {calibration}.

## Known failures

Large plain things whose colour nothing tells (balls, doors, cars) come out in patches or brown; blurred
photos are coloured more weakly; what the training photos lack is guessed from what they have.
"""
