"""Unsplash Lite from an archive of made-up rows, and photos that have to go."""

import csv
import io
import json
import zipfile
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from fault_server import answer
from scraping import FastClock, assert_consistent, picture, table_of

from skcolorize.datasets import ImageScraper, _unsplash, fetch_unsplash_lite, purge_images

COLUMNS = ["photo_id", "photo_url", "photo_image_url", "photographer_first_name", "photographer_last_name",
           "photographer_username", "photo_description"]  # fmt: skip


def table(rows, columns, delimiter):
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, delimiter=delimiter, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


@pytest.fixture
def lite(server, tmp_path, monkeypatch):
    """Make an archive of photos that the server has, under a host that counts as Unsplash's."""
    monkeypatch.setattr(_unsplash, "HOSTS", {"127.0.0.1"})
    monkeypatch.setenv("SKCOLORIZE_DATA", str(tmp_path / "home"))

    def scraper(*args, **params):
        scraper = ImageScraper(*args, **params, allow_private=True)
        scraper._clock = FastClock()
        return scraper

    monkeypatch.setattr(_unsplash, "ImageScraper", scraper)

    def make(n=6, kind="tsv000", delimiter="\t", columns=COLUMNS, n_parts=1):
        rows = []
        for i in range(n):
            path = f"/photo-{i}"
            for query in (
                "?w=512&h=512&fit=max&fm=jpg&q=85",
                "?w=64&h=64&fit=max&fm=jpg&q=85",
                "?fm=jpg&q=85",
            ):
                server.add(path + query, answer(picture(i)))
            rows.append({
                "photo_id": ["-Ab", "-aB", "cd", "CD"][i] if i < 4 else f"id{i}",
                "photo_image_url": server.url(path),
                "photographer_first_name": f"Ada{i}", "photographer_last_name": "Example",
                "photographer_username": f"user{i}", "photo_description": 'two\nlines, "quoted"\tand a tab',
            })  # fmt: skip
        words = [{"photo_id": row["photo_id"], "keyword": word} for i, row in enumerate(rows)
                 for word in ("all", "Even" if i % 2 == 0 else "odd")]  # fmt: skip
        archive = tmp_path / f"{kind}.zip"
        with zipfile.ZipFile(archive, "w") as file:
            stem = kind.rstrip("0123456789")
            for part in range(n_parts):
                name = f"lite/photos.{stem}{part:03d}" if n_parts > 1 else f"photos.{kind}"
                file.writestr(name, table(rows[part::n_parts], columns, delimiter))
            file.writestr(f"keywords.{stem}000", table(words, ["photo_id", "keyword"], delimiter))
            file.writestr("TERMS.md", "terms")
        return archive

    return make


def test_terms_are_asked_for_once_in_plain_words(lite, server, tmp_path):
    archive = lite()
    with pytest.raises(ValueError, match=r"(?s)TERMS\.md.*forbid.*accept_terms=True"):
        fetch_unsplash_lite(archive=archive)
    assert not server.requests and not (tmp_path / "home").exists()
    first = fetch_unsplash_lite(archive=archive, accept_terms=True)
    again = fetch_unsplash_lite(archive=archive)
    assert list(first.paths) == list(again.paths) and server.asked() == 6
    with pytest.raises(ValueError, match="accept_terms"):
        fetch_unsplash_lite(archive=archive, version="1.3.0")
    (licence,) = {row["licence"] for row in first.manifest}
    accepted = json.loads((tmp_path / "home" / "unsplash_lite" / "terms.json").read_text())["1.4.1"]
    assert "Lite 1.4.1" in licence and _unsplash.TERMS in licence and accepted in licence


def test_photos_their_sizes_and_whose_they_are(lite, server, tmp_path):
    bunch = fetch_unsplash_lite(archive=lite(), accept_terms=True)
    assert len(bunch.paths) == 6 and all(Path(path).is_file() for path in bunch.paths)
    assert [row["id"] for row in bunch.manifest] == ["-Ab", "-aB", "cd", "CD", "id4", "id5"]
    assert len({path.lower() for path in bunch.paths}) == 6
    assert (
        bunch.attribution[1].startswith(Path(bunch.paths[1]).name) and "Ada1 Example" in bunch.attribution[1]
    )
    assert "purge_images" in bunch.DESCR and "1.4.1" in bunch.DESCR
    for request in server.requests:
        asked = parse_qs(urlsplit(request.path).query)
        assert asked == {"w": ["512"], "h": ["512"], "fit": ["max"], "fm": ["jpg"], "q": ["85"]}
    assert server.asked("/robots.txt") == 0  # licensed
    assert_consistent(tmp_path / "home" / "unsplash_lite" / "512")


@pytest.mark.parametrize(
    ("kind", "delimiter", "n_parts"),
    [("tsv000", "\t", 1), ("csv000", ",", 1), ("csv000", "\t", 3), ("tsv", "\t", 1)],
)
def test_tables_of_every_release(lite, kind, delimiter, n_parts):
    bunch = fetch_unsplash_lite(archive=lite(7, kind, delimiter, n_parts=n_parts), accept_terms=True)
    assert len(bunch.paths) == 7


def test_only_two_columns_are_needed(lite):
    archive = lite(2, columns=["photo_id", "photo_image_url"])
    bunch = fetch_unsplash_lite(archive=archive, accept_terms=True)
    assert len(bunch.paths) == 2 and "photo by unknown" in bunch.attribution[0]
    with pytest.raises(ValueError, match=r"photos\.tsv000 lacks the columns \['photo_image_url'\]"):
        fetch_unsplash_lite(archive=lite(2, columns=["photo_id"]))


def test_wrong_hosts_and_gone_photos_are_rows_without_a_photo(lite, server, monkeypatch):
    archive = lite(4)
    server.routes["/photo-1?w=64&h=64&fit=max&fm=jpg&q=85"] = [answer(status="404 Not Found")]
    kept = fetch_unsplash_lite(archive=archive, accept_terms=True, max_size=64)
    assert [row["status"] for row in kept.manifest] == ["ok", "gone", "ok", "ok"] and len(kept.paths) == 3
    monkeypatch.setattr(_unsplash, "HOSTS", {"images.unsplash.com"})
    none = fetch_unsplash_lite(archive=archive, max_size=None)
    assert {row["status"] for row in none.manifest} == {"wrong_host"} and len(none.paths) == 0


def test_a_part_of_the_photos(lite):
    archive = lite(20)
    few, more = (
        {
            row["id"]
            for row in fetch_unsplash_lite(
                archive=archive, n_images=n, random_state=3, accept_terms=True
            ).manifest
        }
        for n in (4, 9)
    )
    assert len(few) == 4 and len(more) == 9 and few < more
    first = fetch_unsplash_lite(archive=archive, n_images=2)
    assert [row["id"] for row in first.manifest] == ["-Ab", "-aB"]
    even = fetch_unsplash_lite(archive=archive, keywords=["EVEN", "none"])
    assert len(even.manifest) == 10


def test_nothing_is_downloaded_where_that_is_not_wanted(lite, server):
    with pytest.raises(OSError, match=r"unsplash-lite-1\.4\.1\.zip is not there"):
        fetch_unsplash_lite(accept_terms=True, download_if_missing=False)
    archive = lite(5)
    fetch_unsplash_lite(archive=archive, n_images=2)
    with pytest.raises(OSError, match="3 photos are not there"):
        fetch_unsplash_lite(archive=archive, download_if_missing=False)
    assert len(fetch_unsplash_lite(archive=archive, n_images=2, download_if_missing=False).paths) == 2
    assert server.asked() == 2


def test_the_archive_is_downloaded_once_and_checked(lite, server, tmp_path, monkeypatch, capsys):
    archive = lite(3)
    server.add("/data/lite/9.9", answer(archive.read_bytes()))
    monkeypatch.setattr(_unsplash, "_ARCHIVE", server.url("/data/lite/{version}"))
    for _ in range(2):
        assert len(fetch_unsplash_lite(version="9.9", accept_terms=True).paths) == 3
    assert server.asked("/data/lite/9.9") == 1 and "about 700 MB" in capsys.readouterr().err
    server.add("/data/lite/1.4.1", answer(archive.read_bytes()))
    with pytest.raises(OSError, match="SHA256"):
        fetch_unsplash_lite(accept_terms=True)
    assert not (tmp_path / "home" / "unsplash_lite" / "unsplash-lite-1.4.1.zip").exists()


def test_parameters_are_checked(lite, tmp_path):
    with pytest.raises(ValueError, match="'max_size' parameter of fetch_unsplash_lite"):
        fetch_unsplash_lite(max_size=0)
    with pytest.raises(ValueError, match="'version'"):
        fetch_unsplash_lite(version="../../etc")
    with pytest.raises(ValueError, match="'keywords'"):
        fetch_unsplash_lite(keywords="cat")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as other:
        other.writestr("a.txt", "a")
    with pytest.raises(ValueError, match="holds no table photos"):
        fetch_unsplash_lite(archive=tmp_path / "other.zip", accept_terms=True)


@pytest.mark.parametrize("where", ["folder", "memory"])
def test_purged_photos_are_gone_for_good(server, make, tmp_path, monkeypatch, where):
    monkeypatch.setenv("SKCOLORIZE_DATA", str(tmp_path / "data"))
    output = tmp_path / "photos" if where == "folder" else f"memory://{tmp_path.name}"
    urls = [
        server.add(f"/{i}.jpg", answer(picture(i % 4))) for i in range(6)
    ]  # 4 and 5 are copies of 0 and 1
    ids, notes = list("abcdef"), {"photographer": ["Ada"] * 6}
    before = make(output).fetch(urls, ids=ids, metadata=notes)
    assert before.counts == {"ok": 4, "duplicate_content": 2}
    assert purge_images(["e", "c", "unknown"], output) == ["a", "c", "e"]  # of e's content a is the file
    assert purge_images(["e", "c", "unknown"], output) == []
    after = make(output, retry_failed=True).fetch(urls, ids=ids, metadata=notes)
    assert [row["status"] for row in after.manifest] == [
        "gone",
        "ok",
        "gone",
        "ok",
        "gone",
        "duplicate_content",
    ]
    assert server.asked() == 6
    for i in (0, 2, 4):
        row = {name: value for name, value in after.manifest[i].items() if value not in ("", None, 0)}
        assert row == {"id": ids[i], "status": "gone", "error": "purged on request"}
    if where == "folder":
        assert_consistent(output)
        assert (output / "ATTRIBUTION.txt").read_text().count("Ada") == 2
        assert set(table_of(output)) == set(ids)


def test_purging_a_copy_of_an_address(server, make, tmp_path):
    url = server.add("/a.jpg", answer(picture()))
    make().fetch([url, url], ids=["a", "b"])
    assert purge_images(["a"], tmp_path / "photos") == ["a", "b"]
    assert_consistent(tmp_path / "photos")


def test_purge_refuses_a_bare_string(tmp_path):
    with pytest.raises(TypeError, match="ids must be a sequence"):
        purge_images("abc", tmp_path)
