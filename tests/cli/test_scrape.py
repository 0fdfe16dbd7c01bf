"""``scrape``: lists of addresses, limits, exit codes."""

import functools

import pytest
from fault_server import FaultServer, answer
from scraping import picture

from skcolorize import datasets
from skcolorize.cli import main


@pytest.fixture
def addresses(tmp_path, monkeypatch):
    """A list of three photos on loopback, one of them gone; asking loopback is allowed."""
    allowed = functools.partial(datasets.ImageScraper, allow_private=True)
    monkeypatch.setattr(datasets, "ImageScraper", allowed)
    with FaultServer() as server:
        urls = [server.add(f"/{i}.jpg", answer(picture(i))) for i in range(2)]
        urls.append(server.add("/gone.jpg", answer(status="404 Not Found")))
        path = tmp_path / "list.txt"
        path.write_text("\ufeff# photos\n\n" + "\n".join(urls) + "\n")
        yield path


def test_what_fails_is_named(addresses, tmp_path, capsys):
    assert main(["scrape", str(addresses), "-o", str(tmp_path / "photos"), "--max-size", "64"]) == 1
    printed = capsys.readouterr()
    assert printed.out == f"2 ok, 1 gone: {tmp_path / 'photos'}\n"
    assert "gone: " in printed.err
    assert len(list((tmp_path / "photos").glob("*.jpg"))) == 2


def test_a_limit(addresses, tmp_path, capsys):
    assert main(["scrape", str(addresses), "-o", str(tmp_path / "photos"), "--limit", "2"]) == 0
    assert capsys.readouterr().out.startswith("2 ok: ")


def test_wrong_usage(tmp_path, capsys):
    (tmp_path / "empty.txt").write_text("# nothing\n")
    out = str(tmp_path / "photos")
    assert main(["scrape", str(tmp_path / "empty.txt"), "-o", out]) == 2
    assert main(["scrape", str(tmp_path / "none.txt"), "-o", out]) == 2
    assert main(["scrape", str(tmp_path / "empty.txt"), "-o", out, "--limit", "0"]) == 2
    assert main(["scrape", "unsplash-lite", "-o", out]) == 2
    assert "accept" in capsys.readouterr().err
    assert not (tmp_path / "photos").exists() or not list((tmp_path / "photos").rglob("*.*"))


def test_unsplash_lite_gets_the_options(tmp_path, monkeypatch, capsys):
    from sklearn.utils import Bunch

    asked = {}

    def fetch(**options):
        asked.update(options)
        return Bunch(manifest=[{"status": "ok", "path": "a.jpg"}])

    monkeypatch.setattr(datasets, "fetch_unsplash_lite", fetch)
    out = str(tmp_path)
    assert (
        main(["scrape", "unsplash-lite", "-o", out, "--limit", "5", "--max-size", "256", "--accept-terms"])
        == 0
    )
    assert asked == {"data_home": out, "n_images": 5, "max_size": 256, "accept_terms": True}
    assert capsys.readouterr().out == f"1 ok: {out}\n"
