"""Files in, coloured files out: names, metadata, what is refused before work, what fails alone."""

import csv
import os
import pathlib
import sys

import joblib
import numpy as np
import pytest
from bulk_models import Witness
from numpy.testing import assert_array_equal
from photo_files import alpha_scene, encoded, gray_scene, scene
from PIL import Image
from PIL.ExifTags import Base as Tag
from sklearn.pipeline import make_pipeline

from skcolorize import Colorizer, __version__, colorize_files
from skcolorize._batch import load_model
from skcolorize.images import read_photo
from skcolorize.images.storage import replace_whole
from skcolorize.preprocessing import ImageLoader


@pytest.fixture(scope="module")
def model():
    """A small network that has seen nothing: its colours don't matter here."""
    noise = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3), np.uint8)
    colorizer = Colorizer(
        "squeezenet1_1", weights=None, image_size=32, max_iter=1, augment=False, random_state=0
    )
    return colorizer.fit(noise)


@pytest.fixture
def folder(tmp_path):
    """Two photos, one of them in a folder of its own."""
    (tmp_path / "in/deeper").mkdir(parents=True)
    Image.fromarray(gray_scene()).save(tmp_path / "in/a.JPG", "JPEG")
    Image.fromarray(scene()).save(tmp_path / "in/deeper/b.png")
    return tmp_path / "in"


def names(folder) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in pathlib.Path(folder).rglob("*") if path.is_file()}


def table(folder) -> list[dict]:
    with open(pathlib.Path(folder) / "manifest.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_a_tree_in_a_tree_out_with_the_models_colors(folder, tmp_path, model):
    before = {name: (folder / name).read_bytes() for name in names(folder)}
    result = colorize_files(folder, tmp_path / "out", model=model)
    assert names(tmp_path / "out") == {"a.JPG", "deeper/b.png", "manifest.csv"}
    assert_array_equal(read_photo(tmp_path / "out/deeper/b.png").pixels, model.predict(scene()))
    assert result.counts == {"done": 2, "skipped": 0, "failed": 0}
    assert result.paths == [str(tmp_path / "out/a.JPG"), str(tmp_path / "out/deeper/b.png")]
    first = table(tmp_path / "out")[0]
    assert first["source"] == str(folder / "a.JPG")
    assert (first["status"], first["error"], first["width"], first["height"]) == ("done", "", "56", "40")
    assert float(first["seconds"]) >= 0
    assert {name: (folder / name).read_bytes() for name in names(folder)} == before


def test_a_pipeline_that_resizes_is_refused_photo_by_photo(folder, tmp_path, model):
    """The sizes in the manifest, and alpha, are those of the source."""
    pipeline = make_pipeline(ImageLoader(max_size=20), model)
    result = colorize_files(folder, tmp_path / "out", model=pipeline)
    assert result.counts == {"done": 0, "skipped": 0, "failed": 2}
    assert "20 x 14 pixels of a photo of 56 x 40" in result.manifest[0]["error"]
    assert "pipeline[-1]" in result.manifest[0]["error"]
    assert colorize_files(folder, tmp_path / "out", model=pipeline[-1]).counts["done"] == 2


@pytest.mark.parametrize(("format", "suffix"), [("jpg", "jpg"), ("webp", "webp"), ("tiff", "tiff")])
def test_formats(folder, tmp_path, model, format, suffix):
    colorize_files(str(folder / "*"), tmp_path, model=model, format=format, quality=90)
    assert {f"a.{suffix}", f"deeper/b.{suffix}"} <= names(tmp_path)
    with Image.open(tmp_path / f"a.{suffix}") as image:
        assert image.format == {"jpg": "JPEG"}.get(format, format.upper())
        assert image.size == (56, 40)


def test_what_cannot_be_written_becomes_jpeg(tmp_path, model):
    (tmp_path / "a.avif").write_bytes(encoded(Image.fromarray(scene()), "AVIF"))
    assert colorize_files(tmp_path / "a.avif", tmp_path / "out", model=model).counts["done"] == 1
    assert "a.jpg" in names(tmp_path / "out")


def test_heic(tmp_path, model):
    pillow_heif = pytest.importorskip("pillow_heif", reason="the extra [heic] is not installed")
    pillow_heif.from_pillow(Image.fromarray(scene())).save(tmp_path / "a.heic")
    assert colorize_files(tmp_path, tmp_path / "out", model=model).counts["done"] == 1
    assert read_photo(tmp_path / "out/a.jpg").pixels.shape == (40, 56, 3)


def test_one_photo_to_one_file(folder, tmp_path, model):
    result = colorize_files(folder / "a.JPG", tmp_path / "new" / "colored.png", model=model)
    assert result.paths == [str(tmp_path / "new/colored.png")]
    assert names(tmp_path / "new") == {"colored.png"}


def test_metadata_are_kept_and_say_that_colors_are_inferred(tmp_path, model):
    exif = Image.Exif()
    exif[Tag.Orientation], exif[Tag.Artist] = 6, "Grandma"
    Image.fromarray(gray_scene()).save(tmp_path / "a.jpg", exif=exif, dpi=(300, 300))
    model.save_weights(tmp_path / "mine.npz")
    colorize_files(tmp_path / "a.jpg", tmp_path / "out", model=tmp_path / "mine.npz")
    with Image.open(tmp_path / "out/a.jpg") as image:
        assert image.size == (40, 56)
        assert image.info["dpi"] == (300, 300)
        tags = image.getexif()
        assert (tags[Tag.Orientation], tags[Tag.Artist]) == (1, "Grandma")
        assert f"Colors inferred by skcolorize {__version__} (mine.npz weights " in tags[Tag.Software]


def test_alpha_is_kept_where_the_format_has_it(tmp_path, model):
    rgba = np.dstack([scene(), alpha_scene()])
    Image.fromarray(rgba).save(tmp_path / "a.png")
    colorize_files(tmp_path / "a.png", tmp_path / "out", model=model)
    assert_array_equal(read_photo(tmp_path / "out/a.png").alpha, alpha_scene())


def test_each_page_of_a_tiff_is_a_photo(tmp_path, model):
    pages = [Image.fromarray(np.full((20, 30), level, np.uint8)) for level in (60, 120, 180)]
    pages[0].save(tmp_path / "album.tif", save_all=True, append_images=pages[1:])
    result = colorize_files(tmp_path / "album.tif", tmp_path / "out", model=model, format="png")
    assert names(tmp_path / "out") == {"manifest.csv", *(f"album-page-{i}.png" for i in (1, 2, 3))}
    assert result.counts["done"] == 3
    second = read_photo(tmp_path / "out/album-page-2.png").pixels
    assert_array_equal(second, model.predict(np.full((20, 30), 120, np.uint8)))
    (tmp_path / "out/album-page-2.png").unlink()
    again = colorize_files(
        tmp_path / "album.tif", tmp_path / "out", model=model, format="png", existing="skip"
    )
    assert again.counts == {"done": 1, "skipped": 2, "failed": 0}
    with pytest.raises(FileExistsError, match="album-page-1"):
        colorize_files(tmp_path / "album.tif", tmp_path / "out", model=model, format="png")


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_a_tiff_whose_list_of_pages_is_cut_off_fails(tmp_path, model):
    pages = [Image.fromarray(np.full((20, 30), level, np.uint8)) for level in (60, 120, 180)]
    album = encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    (tmp_path / "album.tif").write_bytes(album[: len(album) // 2])
    result = colorize_files(tmp_path / "album.tif", tmp_path / "out", model=model)
    assert result.counts == {"done": 0, "skipped": 0, "failed": 1}
    assert "album.tif' is a TIFF whose list of pages is damaged" in table(tmp_path / "out")[0]["error"]


def test_alternatives_lie_beside_the_first_and_are_the_same_every_time(folder, tmp_path, model):
    for out in ("one", "two"):
        colorize_files(folder / "deeper", tmp_path / out, model=model, n_alternatives=2, random_state=3)
    assert names(tmp_path / "one") == {"b.png", "b-1.png", "b-2.png", "manifest.csv"}
    pixels = {name: read_photo(tmp_path / "one" / name).pixels for name in ("b.png", "b-1.png", "b-2.png")}
    assert (pixels["b-1.png"] != pixels["b-2.png"]).any()
    for name in pixels:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_alternatives_are_refused_of_a_model_that_has_none(folder, tmp_path):
    colorizer = Colorizer("squeezenet1_1", weights=None, image_size=32, max_iter=1, loss="squared_error")
    colorizer.fit([scene()])
    with pytest.raises(ValueError, match="n_alternatives=1"):
        colorize_files(folder, tmp_path / "out", model=colorizer, n_alternatives=1)


def test_vividness_and_image_size_are_the_jobs_own(folder, tmp_path, model):
    colorize_files(folder / "deeper", tmp_path, model=model, vividness=3, image_size=64)
    other = Colorizer.__copy__(model).set_params(vividness=3, image_size=64)
    assert_array_equal(read_photo(tmp_path / "b.png").pixels, other.predict(scene()))
    assert (model.vividness, model.image_size) == (1.0, 32)


def test_existing_outputs(folder, tmp_path, model):
    out = tmp_path / "out"
    colorize_files(folder, out, model=model)
    stamps = {name: (out / name).stat().st_mtime_ns for name in ("a.JPG", "deeper/b.png")}
    with pytest.raises(FileExistsError, match=r"a\.JPG.* and 1 more outputs are there"):
        colorize_files(folder, out, model=model)
    (out / "deeper/b.png").unlink()
    result = colorize_files(folder, out, model=model, existing="skip")
    assert [row["status"] for row in result.manifest] == ["skipped", "done"]
    assert (out / "a.JPG").stat().st_mtime_ns == stamps["a.JPG"]
    assert [row["status"] for row in table(out)] == [
        "done",
        "done",
    ]  # what an earlier job did is not forgotten
    colorize_files(folder, out, model=model, existing="overwrite")
    assert (out / "a.JPG").stat().st_mtime_ns > stamps["a.JPG"]


def test_a_broken_photo_fails_alone(folder, tmp_path, model):
    (folder / "c.jpg").write_bytes(encoded(Image.fromarray(scene()), "JPEG")[:200])
    (folder / "d.png").write_bytes(b"")
    result = colorize_files([folder, tmp_path / "no-such.jpg"], tmp_path / "out", model=model)
    assert result.counts == {"done": 2, "skipped": 0, "failed": 3}
    failed = {row["source"]: row["error"] for row in result.manifest if row["status"] == "failed"}
    assert "is missing" in failed[str(tmp_path / "no-such.jpg")]
    assert set(failed) == {str(folder / "c.jpg"), str(folder / "d.png"), str(tmp_path / "no-such.jpg")}
    assert all(error for error in failed.values())
    assert names(tmp_path / "out") == {"a.JPG", "deeper/b.png", "manifest.csv"}


def test_two_sources_with_one_output(folder, tmp_path, model):
    (folder / "a.png").write_bytes(encoded(Image.fromarray(scene()), "PNG"))
    with pytest.raises(ValueError, match="have the same output"):
        colorize_files(folder, tmp_path / "out", model=model, format="jpg")
    (folder / "deeper/b-1.png").write_bytes((folder / "deeper/b.png").read_bytes())
    with pytest.raises(ValueError, match=r"have the same output, .*b-1\.png"):
        colorize_files(folder / "deeper", tmp_path / "out", model=model, n_alternatives=1)
    assert not (tmp_path / "out").exists()


def test_a_page_is_no_other_sources_output(tmp_path, model):
    album = tmp_path / "in/album.tif"
    album.parent.mkdir()
    Image.fromarray(gray_scene()).save(album, save_all=True, append_images=[Image.fromarray(gray_scene())])
    Image.fromarray(gray_scene()).save(tmp_path / "in/album-page-2.tif")
    with pytest.raises(ValueError, match=r"a page of .*album\.tif"):
        colorize_files(tmp_path / "in", tmp_path / "out", model=model)


@pytest.mark.parametrize(
    ("sources", "destination", "options", "message"),
    [
        ("in", "in", {}, "is the folder of the sources"),
        ("in/*", "in/../in", {}, "is the folder of the sources"),
        ("in/a.JPG", "in", {}, "is a source, and the output of"),
        ("in", "out.jpg", {}, "names one photo"),
        ("in/a.JPG", "out.jpg", {"format": "png"}, "does not go with the destination"),
        ("in", "out", {"quality": 101}, "'quality' parameter of colorize_files must be an int in the range"),
        ("in", "out", {"existing": "keep"}, "'existing' parameter"),
        ("in", "out", {"format": "gif"}, "'format' parameter"),
        ("in", "out", {"vividness": -1}, "'vividness' parameter of Colorizer"),
        ([], "out", {}, "no sources"),
    ],
)
def test_refused_before_any_work(
    folder, tmp_path, model, monkeypatch, sources, destination, options, message
):
    monkeypatch.chdir(tmp_path)
    there = names(tmp_path)
    with pytest.raises(ValueError, match=message):
        colorize_files(sources, destination, model=model, **options)
    assert names(tmp_path) == there


HEADER = b"source,path,status,error,seconds,width,height\n"


@pytest.fixture
def no_work(monkeypatch):
    """A job that colours a photo fails."""
    monkeypatch.setattr("skcolorize._batch._work._colored", lambda *_: pytest.fail("a photo was coloured"))


@pytest.mark.parametrize(
    "content",
    [
        b"id,photographer\n1,Ada\n",
        b"source;path;gr\xfc\xdfe\n",
        b"",
        HEADER.decode().encode("utf-16"),
        HEADER + b"x" * 200_000,
    ],
    ids=["foreign", "latin-1", "empty", "utf-16", "huge"],
)
@pytest.mark.usefixtures("no_work")
def test_a_table_of_others_is_not_overwritten(folder, tmp_path, model, content):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/manifest.csv").write_bytes(content)
    with pytest.raises(ValueError, match=r"out.manifest\.csv' is no manifest of coloured photos .*: move it"):
        colorize_files(folder, tmp_path / "out", model=model)
    assert names(tmp_path / "out") == {"manifest.csv"}
    assert (tmp_path / "out/manifest.csv").read_bytes() == content


def test_a_manifest_that_a_spreadsheet_has_saved(folder, tmp_path, model):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/manifest.csv").write_bytes(
        b"\xef\xbb\xbf" + HEADER + b"old.jpg,caf\xe9.jpg,done,,1,2,3\n"
    )
    colorize_files(folder, tmp_path / "out", model=model)
    rows = (tmp_path / "out/manifest.csv").read_bytes().splitlines()
    assert len(rows) == 4 and rows[:2] == [HEADER.strip(), b"old.jpg,caf\xe9.jpg,done,,1,2,3"]


@pytest.mark.parametrize("existing", ["error", "skip", "overwrite"])
@pytest.mark.usefixtures("no_work")
def test_a_destination_that_cannot_be_written_to_is_refused(folder, model, monkeypatch, existing):
    before = names(folder)
    with pytest.raises(OSError, match=r"a\.JPG"):
        colorize_files(folder / "deeper", folder / "a.JPG/out", model=model, existing=existing)
    memory = pytest.importorskip("fsspec").filesystem("memory")

    def refuse(*_, **__):
        raise PermissionError

    monkeypatch.setattr(type(memory), "pipe_file", refuse)
    with pytest.raises(PermissionError, match=r"memory://closed/out/manifest\.csv"):
        colorize_files(folder, "memory://closed/out", model=model, existing=existing)
    assert names(folder) == before
    memory.rm("/closed", recursive=True)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_names_that_are_not_utf_8(tmp_path, model):
    (tmp_path / "in").mkdir()
    source = os.fsencode(tmp_path) + b"/in/caf\xe9.png"
    Image.fromarray(scene()).save(os.fsdecode(source))
    for status in ("done", "skipped"):
        result = colorize_files(tmp_path / "in", tmp_path / "out", model=model, existing="skip")
        assert [row["status"] for row in result.manifest] == [status]
        _, row = (tmp_path / "out/manifest.csv").read_bytes().splitlines()
        assert row.startswith(source + b",") and b"/out/caf\xe9.png,done," in row


@pytest.mark.parametrize("source", ["none/*.jpg", "empty"])
def test_nothing_to_color(tmp_path, model, monkeypatch, source):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError):
        colorize_files(source, "out", model=model)


def test_a_destination_below_the_sources_is_no_source(folder, model):
    for _ in range(2):
        result = colorize_files(folder, folder / "colored", model=model, existing="overwrite")
        assert result.counts["done"] == 2


def test_a_name_with_wildcards_is_a_file_where_there_is_one(tmp_path, model):
    Image.fromarray(scene()).save(tmp_path / "a[1].png")
    assert colorize_files(tmp_path / "a[1].png", tmp_path / "out", model=model).counts["done"] == 1


def test_models(tmp_path, model):
    model.save_weights(tmp_path / "m.npz")
    joblib.dump(model, tmp_path / "m.joblib")
    joblib.dump({"no": "model"}, tmp_path / "no.joblib")
    for source in (model, tmp_path / "m.npz", str(tmp_path / "m.joblib")):
        assert_array_equal(load_model(source).predict(scene()), model.predict(scene()))
    with pytest.raises(ValueError, match="holds dict, and no model"):
        load_model(tmp_path / "no.joblib")
    with pytest.raises(ValueError, match="not fitted"):
        load_model(Colorizer())


@pytest.mark.parametrize("suffix", ["npz", "joblib"])
def test_storage_options_reach_the_model(folder, tmp_path, model, s3, new_bucket, suffix, monkeypatch):
    options = {"key": "a", "secret": "b", "endpoint_url": s3["AWS_ENDPOINT_URL"]}
    for name in s3:
        monkeypatch.delenv(name)
    address = f"{new_bucket}/models/mine.{suffix}"
    if suffix == "npz":
        model.save_weights(address, storage_options=options)
        again = Colorizer.from_pretrained(address, storage_options=options, vividness=0)
        assert again.vividness == 0 and again.weights == address
    else:
        with replace_whole(address, storage_options=options) as file:
            joblib.dump(model, file)
    result = colorize_files(folder, tmp_path / "out", model=address, storage_options=options)
    assert result.counts["done"] == 2
    assert_array_equal(read_photo(tmp_path / "out/deeper/b.png").pixels, model.predict(scene()))


def test_a_bucket_in_a_bucket_out(model):
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    for name in ("a.png", "x/b.png"):
        memory.pipe_file(f"/bucket/in/{name}", encoded(Image.fromarray(scene()), "PNG"))
    result = colorize_files("memory://bucket/in", "memory://bucket/out", model=model)
    assert result.paths == ["memory://bucket/out/a.png", "memory://bucket/out/x/b.png"]
    assert memory.exists("/bucket/out/manifest.csv")
    again = colorize_files("memory://bucket/in/*", "memory://bucket/out", model=model, existing="skip")
    assert again.counts == {"done": 0, "skipped": 2, "failed": 0}
    model.save_weights("memory://bucket/mine.npz")
    with memory.open("/bucket/mine.joblib", "wb") as file:
        joblib.dump(model, file)
    for name in ("mine.npz", "mine.joblib"):
        assert_array_equal(load_model(f"memory://bucket/{name}").predict(scene()), model.predict(scene()))
    memory.rm("/bucket", recursive=True)


def test_a_backend_without_results_one_by_one(folder, tmp_path, model):
    with joblib.parallel_config("multiprocessing", n_jobs=2):
        result = colorize_files(folder, tmp_path / "out", model=model)
    assert result.counts == {"done": 2, "skipped": 0, "failed": 0}


def test_the_manifest_is_written_when_a_job_is_interrupted(folder, tmp_path, monkeypatch):
    def stop(self, X):
        if X.ndim == 3:
            raise KeyboardInterrupt
        return np.zeros((*X.shape, 3), np.uint8)

    monkeypatch.setattr(Witness, "predict", stop)
    with pytest.raises(KeyboardInterrupt):
        colorize_files(folder, tmp_path / "out", model=Witness())
    assert [row["status"] for row in table(tmp_path / "out")] == ["done"]
    assert names(tmp_path / "out") == {"a.JPG", "manifest.csv"}


def test_lines_where_there_is_no_rich(folder, tmp_path, model, monkeypatch, capsys):
    monkeypatch.setattr("skcolorize._batch._report.find_spec", lambda name: None)
    (folder / "c.png").write_bytes(b"")
    colorize_files(folder, tmp_path / "out", model=model, verbose=True)
    lines = capsys.readouterr().err.splitlines()
    assert [line.split()[:2] for line in lines] == [["1/3", "done:"], ["2/3", "failed:"], ["3/3", "done:"]]
