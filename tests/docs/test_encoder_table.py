"""The table of encoders in the user guide has the networks' own numbers of parameters."""

import re
from pathlib import Path

import pytest

from skcolorize.networks import build_network, network_config

PAGE = Path(__file__).parents[2] / "docs" / "user_guide" / "choosing.rst"
ROWS = re.findall(r"\* - \**(\w+)\**(, plain decoder)?.*\n +- ([\d.]+) M", PAGE.read_text(encoding="utf-8"))


def test_the_table_is_found():
    assert len(ROWS) > 10


@pytest.mark.parametrize(("encoder", "plain", "millions"), ROWS)
def test_parameters(encoder, plain, millions):
    network = build_network(network_config(encoder, "plain" if plain else "unet"), generator=None)
    assert f"{sum(p.numel() for p in network.parameters()) / 1e6:.1f}" == millions
