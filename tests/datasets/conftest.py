"""A web server with faults, and scrapers whose rests pass at once."""

import pytest
from fault_server import FaultServer
from scraping import FastClock

from skcolorize.datasets import ImageScraper


@pytest.fixture
def server():
    with FaultServer() as server:
        yield server


@pytest.fixture
def make(tmp_path):
    """A scraper that may ask loopback, with a fast clock, writing to a folder of the test."""

    def make(output=None, **params):
        scraper = ImageScraper(output or tmp_path / "photos", **{"allow_private": True, **params})
        scraper._clock = FastClock()
        return scraper

    return make
