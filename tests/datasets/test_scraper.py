"""The scraper among well-behaved servers: paths, tables, names, duplicates, resuming, pipelines, workers."""

import asyncio
import io
import pickle
import re
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from fault_server import answer, late
from PIL import Image
from scraping import assert_consistent, picture, table_of
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import (
    check_get_params_invariance,
    check_no_attributes_set_in_init,
    check_set_params,
)

from skcolorize.datasets import ImageScraper
from skcolorize.datasets._manifest import COLUMNS, Journal
from skcolorize.datasets._output import Output, photo_name
from skcolorize.datasets._web import Rules


def photos_at(server, n, **options):
    return [server.add(f"/{i}.jpg", answer(picture(i, **options))) for i in range(n)]


def read(path):
    return Path(path).read_bytes()


def size_of(path):
    with Image.open(path) as image:
        return image.size


def test_addresses_become_paths_of_whole_photos(server, make, tmp_path):
    urls = photos_at(server, 12)
    paths = make().transform(urls)
    assert isinstance(paths, np.ndarray) and paths.dtype == object and paths.shape == (12,)
    for i, path in enumerate(paths):
        assert read(path) == picture(i)
    assert_consistent(tmp_path / "photos")


@pytest.mark.parametrize("as_container", [tuple, np.array, pd.Series])
def test_any_sequence_of_addresses(server, make, as_container):
    urls = photos_at(server, 2)
    paths = make().transform(as_container(urls))
    assert [read(path) for path in paths] == [picture(0), picture(1)]


def test_manifest_tells_all_of_a_photo(server, make, tmp_path):
    url = server.add("/a.jpg?w=9&token=secret", answer(picture(0)))
    notes = pd.DataFrame({"photographer": ["Ada"], "licence": ["CC0"]})
    bunch = make().fetch([url.replace("//", "//me:word@")], ids=["a"], metadata=notes)
    (row,) = bunch.manifest
    assert bunch.counts == {"ok": 1}
    assert row["id"] == "a" and row["http_status"] == 200 and row["attempts"] == 1 and row["format"] == "JPEG"
    assert (row["width"], row["height"], row["bytes"]) == (80, 60, len(picture(0)))
    assert row["mean_chroma"] > 2 and re.match(r"20\d\d-\d\d-\d\dT", row["fetched_at"])
    assert row["url"] == row["final_url"] == server.url("/a.jpg?w=9&token=...")
    assert row["photographer"] == "Ada" and row["licence"] == "CC0"
    written = table_of(tmp_path / "photos")["a"]
    assert written == {name: "" if value is None else str(value) for name, value in row.items()}
    attribution = (tmp_path / "photos" / "ATTRIBUTION.txt").read_text()
    assert attribution == f"{row['path']}: photo by Ada, {row['url']}, licence: CC0\n"
    whole = (tmp_path / "photos" / "manifest.csv").read_text() + attribution
    assert "secret" not in whole and "word" not in whole


@pytest.mark.parametrize(
    "content",
    [
        b"source,path,status,error,seconds,width,height\n",
        b"id,note\na,mine\n",
        ",".join(COLUMNS).encode() + b"\na,caf\xe9\n",
        ",".join(COLUMNS).encode() + b"\na\n",
        ",".join(COLUMNS).encode() + b"\n" + b"x" * 200_000,
    ],
    ids=["coloured", "foreign", "latin-1", "short", "huge"],
)
def test_a_table_of_others_is_not_overwritten(server, make, tmp_path, content):
    table = tmp_path / "photos/manifest.csv"
    table.parent.mkdir()
    table.write_bytes(content)
    with pytest.raises(ValueError, match=r"manifest\.csv' is no table of the scraper .*: move it"):
        make().fetch(photos_at(server, 1))
    assert not server.requests and table.read_bytes() == content


def test_a_table_that_a_spreadsheet_has_saved(server, make, tmp_path):
    urls = photos_at(server, 2)
    first = make().fetch(urls)
    table = tmp_path / "photos/manifest.csv"
    table.write_bytes(b"\xef\xbb\xbf" + table.read_bytes())
    assert make().fetch(urls).manifest == first.manifest


def test_a_second_call_asks_for_nothing_and_touches_nothing(server, make, tmp_path):
    urls = [*photos_at(server, 5), server.url("/gone")]
    first = make().fetch(urls)
    n_asked = len(server.requests)
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "photos").iterdir()}
    again = make().fetch(urls)
    assert len(server.requests) == n_asked
    assert again.manifest == first.manifest and list(again.paths) == list(first.paths)
    assert times == {path: path.stat().st_mtime_ns for path in (tmp_path / "photos").iterdir()}


def test_what_is_missing_or_damaged_is_fetched_again(server, make, tmp_path):
    urls = photos_at(server, 4)
    paths = make().transform(urls)
    Path(paths[1]).write_bytes(b"")
    (tmp_path / "photos" / paths[2]).unlink()
    make().transform(urls)
    assert [server.asked(f"/{i}.jpg") for i in range(4)] == [1, 2, 2, 1]
    assert_consistent(tmp_path / "photos")


def test_an_output_grows_over_calls(server, make, tmp_path):
    urls = photos_at(server, 6)
    make().fetch(urls[:4])
    make().fetch(urls[2:])
    assert len(table_of(tmp_path / "photos")) == server.asked() == 6
    assert_consistent(tmp_path / "photos")


def test_refused_addresses_are_asked_again_only_on_demand(server, make):
    url = server.add("/a.jpg", answer(status="404 Not Found"), answer(picture()))
    assert make().fetch([url]).counts == make().fetch([url]).counts == {"gone": 1}
    assert server.asked("/a.jpg") == 1
    assert make(retry_failed=True).fetch([url]).counts == {"ok": 1}


def test_a_failed_address_keeps_its_place_and_its_would_be_path(server, make, tmp_path):
    urls = [server.url("/no.jpg"), *photos_at(server, 1), "mailto:someone"]
    paths = make().transform(urls)
    assert read(paths[1]) == picture(0)
    for failed in paths[[0, 2]]:
        assert failed.startswith(str(tmp_path / "photos")) and failed.endswith(".jpg")
        assert not (tmp_path / "photos" / failed).exists()


def test_duplicate_addresses_cost_one_request(server, make, tmp_path):
    url = photos_at(server, 1)[0]
    bunch = make().fetch([url, url + "#part", url], ids=["a", "b", "c"])
    assert bunch.counts == {"ok": 1, "duplicate_url": 2} and server.asked() == 1
    assert len(set(bunch.paths)) == 1
    assert [row["duplicate_of"] for row in bunch.manifest] == ["", "a", "a"]
    assert_consistent(tmp_path / "photos")


def test_duplicate_content_is_kept_once(server, make, tmp_path):
    urls = [server.add(f"/{name}.jpg", answer(picture(7))) for name in "abc"]
    bunch = make().fetch(urls, ids=list("abc"))
    assert bunch.counts == {"ok": 1, "duplicate_content": 2}
    assert [row["duplicate_of"] for row in bunch.manifest] == ["", "a", "a"] and len(set(bunch.paths)) == 1
    assert_consistent(tmp_path / "photos")
    assert make().fetch(urls, ids=list("abc")).manifest == bunch.manifest and server.asked() == 3


def test_duplicates_in_another_order_or_alone_stay_duplicates(server, make, tmp_path):
    u, v = (server.add(f"/{name}.jpg", answer(picture(7))) for name in "uv")
    make().fetch([u, u, v, v], ids=list("abcd"))  # b is a's address, c has a's content, d is c's address
    asked = server.asked()
    for order in ("dcba", "bdac", "d", "b", "c", "db"):
        urls = [u if name in "ab" else v for name in order]
        bunch = make().fetch(urls, ids=list(order))
        assert len(set(bunch.paths)) == 1 and Path(bunch.paths[0]).is_file() and server.asked() == asked
    assert_consistent(tmp_path / "photos")


def test_a_copy_takes_the_place_of_a_lost_original(server, make, tmp_path):
    urls = [server.add(f"/{name}.jpg", answer(picture(7))) for name in "ab"]
    Path(make().fetch(urls, ids=["a", "b"]).paths[0]).unlink()
    assert make().fetch(urls[1:], ids=["b"]).counts == {"ok": 1}
    assert_consistent(tmp_path / "photos")
    assert make().fetch(urls, ids=["a", "b"]).counts == {"ok": 1, "duplicate_content": 1}
    assert_consistent(tmp_path / "photos")


def test_gray_photos_are_kept_and_marked(server, make):
    gray = io.BytesIO()
    Image.open(io.BytesIO(picture())).convert("L").convert("RGB").save(gray, "PNG")
    bunch = make().fetch([server.add("/a.png", answer(gray.getvalue()))])
    assert bunch.counts == {"gray": 1} and bunch.manifest[0]["mean_chroma"] < 2
    assert read(bunch.paths[0]) == gray.getvalue()


def test_content_decides_the_format_not_the_name(server, make):
    urls = [server.add(f"/{kind}.gif", answer(picture(format=kind))) for kind in ("JPEG", "PNG", "WEBP")]
    bunch = make().fetch(urls)
    assert [row["format"] for row in bunch.manifest] == ["JPEG", "PNG", "WEBP"]
    assert [path[-4:] for path in bunch.paths] == [".jpg", ".png", "webp"]


def test_large_photos_are_reduced(server, make):
    exif = Image.Exif()
    exif[0x0112], exif[0x013B] = 6, "Ada"  # turned; its author
    bodies = [picture(0, (300, 200), exif=exif), picture(1, (300, 200), format="PNG"), picture(2, (90, 60))]
    bunch = make(max_size=100).fetch([server.add(f"/{i}", answer(body)) for i, body in enumerate(bodies)])
    sizes = [(row["width"], row["height"], row["format"]) for row in bunch.manifest]
    assert sizes == [(67, 100, "JPEG"), (100, 67, "JPEG"), (90, 60, "JPEG")]
    with Image.open(bunch.paths[0]) as first:
        assert first.size == (67, 100) and first.getexif()[0x013B] == "Ada" and first.getexif()[0x0112] == 1
    assert read(bunch.paths[2]) == bodies[2]


HOSTILE = ["../x", "..", "/etc/passwd", "CON", "nul.jpg", "a\0b", "x" * 300, "-rf", "AbC", "aBc", "a/b",
           " ", "é", "e\u0301", "a\nb", "C:\\x", ".hidden"]  # fmt: skip


def test_names_are_safe_and_distinct():
    names = [photo_name(name) for name in HOSTILE]
    for name in names:
        assert re.fullmatch(r"[a-z0-9][a-z0-9_]{0,40}(-[a-f0-9]{16})?", name)
        assert name.partition(".")[0] not in {"con", "nul"}
    assert len(set(names)) == len(names)


def test_hostile_ids_stay_in_the_folder_and_in_the_table(server, make, tmp_path):
    bunch = make().fetch(photos_at(server, len(HOSTILE)), ids=HOSTILE)
    assert bunch.counts == {"ok": len(HOSTILE)} and len(set(bunch.paths)) == len(HOSTILE)
    assert_consistent(tmp_path / "photos")
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]
    assert make().fetch(photos_at(server, len(HOSTILE)), ids=HOSTILE).manifest == bunch.manifest
    assert server.asked() == len(HOSTILE)


def test_secrets_of_refused_addresses_are_not_written(make, tmp_path):
    make().fetch(["ftp://me:word@a.example/b.jpg?token=secret"])
    (row,) = table_of(tmp_path / "photos").values()
    assert row["url"] == "ftp://a.example/b.jpg" and row["status"] == "rejected"


def test_dry_run_asks_nobody_and_writes_nothing(server, make, tmp_path):
    bunch = make().fetch([*photos_at(server, 3), "ftp://a/b"], dry_run=True)
    assert bunch.counts == {"rejected": 1, "deferred": 3}
    assert not server.requests and not list(tmp_path.iterdir())


def test_wrong_hosts_are_not_asked_nor_guessed_right(server, make):
    good, other = photos_at(server, 2)
    other = other.replace("127.0.0.1", "127.0.0.1.example")
    bunch = make(allowed_hosts={"127.0.0.1"}).fetch([good, other])
    assert bunch.counts == {"ok": 1, "wrong_host": 1}


def test_verbose_tells_a_person(server, make, capsys):
    make(verbose=True).fetch([*photos_at(server, 3), server.url("/no")])
    told = capsys.readouterr().err
    assert re.search(r"4/4 100 % [\d.]+/s \d+ s left  ok 3 gone 1", told)
    assert "3 of 4 addresses have a photo" in told and "1  x 404 Not Found" in told


def test_works_where_an_event_loop_runs_already(server, make):
    async def cell():
        return make().transform(photos_at(server, 2))

    assert len(asyncio.run(cell())) == 2


def test_pipeline_and_cross_validation(server, tmp_path):
    class Reader(BaseEstimator):
        def fit(self, X, y=None):
            self.sizes_ = [size_of(path) for path in X]
            return self

        def score(self, X, y=None):
            return len({size_of(path) for path in X})

    urls = photos_at(server, 12)
    pipeline = make_pipeline(ImageScraper(tmp_path / "photos", allow_private=True), Reader())
    clone(pipeline).fit(urls)
    n_asked = server.asked()
    assert list(cross_val_score(clone(pipeline), urls, cv=KFold(3), error_score="raise")) == [1, 1, 1]
    with joblib.parallel_config("threading", n_jobs=3):  # all at once: done, so nobody needs the lock
        cross_val_score(clone(pipeline), urls, cv=KFold(3), n_jobs=3, error_score="raise")
    assert server.asked() == n_asked == 12


def test_one_writer_per_output(server, make, tmp_path):
    urls = photos_at(server, 3)
    refused = pytest.raises(RuntimeError, match=r"another scraper is writing to .*photos")
    with Output(tmp_path / "photos").alone(), refused:
        make().fetch(urls)
    make().fetch(urls)
    with Output(tmp_path / "photos").alone():
        assert make().fetch(urls).counts == {"ok": 3}
        journal = Journal(Output(tmp_path / "photos"))  # of the one who is writing
        assert make().fetch(urls).counts == {"ok": 3}
        journal.close()


def test_shares_add_up_to_the_limits():
    rules = Rules(None, 32, 8, 60.0, None, True, False)
    shares = [rules.share(i, 3) for i in range(3)]
    assert [share.max_per_host for share in shares] == [2, 3, 3]
    assert sum(share.max_concurrency for share in shares) == 32


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_workers_share_the_limits(server, make, tmp_path, backend):
    urls = [server.add(f"/{i}.jpg", late(answer(picture(i)), 0.03)) for i in range(120)]
    scraper = make(max_per_host=8)
    scraper._clock = None
    with joblib.parallel_config(backend, n_jobs=3):
        assert scraper.fetch(urls).counts == {"ok": 120}
    assert 4 <= server.most_at_once <= 8 and server.asked() == 120  # a worker alone has 3
    assert_consistent(tmp_path / "photos")


def test_an_estimator_like_others(tmp_path):
    scraper = ImageScraper(tmp_path / "photos", max_size=64, allowed_hosts={"a.example"})
    for check in (check_no_attributes_set_in_init, check_get_params_invariance, check_set_params):
        check("ImageScraper", scraper)
    for copy in (clone(scraper), pickle.loads(pickle.dumps(scraper)), scraper.fit(["http://a.example/b"])):
        assert copy.get_params() == scraper.get_params()
    assert not get_tags(scraper).requires_fit and "ImageScraper" in scraper._repr_html_()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"max_size": 0}, "'max_size' parameter of ImageScraper must be an int"),
        ({"max_per_host": True}, "'max_per_host'"),
        ({"timeout": 0}, "'timeout'"),
        (
            {"allowed_hosts": "unsplash.com"},
            "'allowed_hosts' parameter of ImageScraper must be a set of host",
        ),
        ({"output": 3}, "'output'"),
    ],
)
def test_parameters_are_checked(params, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        ImageScraper(**{"output": tmp_path, **params}).transform([])


def test_arguments_are_checked(make):
    with pytest.raises(TypeError, match="urls must be a sequence of str, got str"):
        make().transform("http://a/b.jpg")
    with pytest.raises(TypeError, match=r"urls\[1\] must be a str, got None"):
        make().transform(["http://a/b.jpg", None])
    with pytest.raises(ValueError, match="ids has 1 entries for 2 urls"):
        make().fetch(["http://a/b.jpg", "http://a/c.jpg"], ids=["a"])
    with pytest.raises(ValueError, match="photographer has 1 entries for 2 urls"):
        make().fetch(["http://a/b.jpg"] * 2, metadata={"photographer": ["Ada"]})
    assert make().transform([]).shape == (0,)
