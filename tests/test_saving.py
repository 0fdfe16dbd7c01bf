"""Fitted Colorizers outlive their process, in joblib's files and in those that hold no code."""

import copy
import json
import pickle
import pickletools
import subprocess
import sys
import textwrap
import warnings
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.pipeline import make_pipeline
from small import made_up_photos, same_weights, small

from skcolorize import Colorizer, __version__
from skcolorize.preprocessing import ImageLoader, RGBToLab

pytestmark = pytest.mark.usefixtures("one_thread")  # bit by bit

PHOTOS = made_up_photos(3)
DATA = Path(__file__).parent / "data"
LOSSES = ["log_loss", "squared_error"]


@pytest.fixture(scope="module", params=LOSSES)
def fitted(request):
    return small(loss=request.param, vividness=0.5).fit(PHOTOS)


@pytest.fixture(scope="module")
def one():
    return small(max_iter=1).fit(PHOTOS)


def same(a: Colorizer, b: Colorizer) -> None:
    """Everything that is learned and set is equal."""
    assert same_weights(a, b)
    assert a.get_params() == b.get_params()
    for name in ("n_iter_", "loss_curve_", "best_loss_", "validation_scores_", "skipped_images_"):
        assert getattr(a, name) == getattr(b, name)
    assert hasattr(a, "ab_bins_") == hasattr(b, "ab_bins_")
    np.testing.assert_array_equal(a.predict(PHOTOS), b.predict(PHOTOS))


# --------------------------------------------------------------------- in full


@pytest.mark.parametrize("way", ["joblib", "mapped", "compressed", "pickle", "deepcopy"])
def test_a_round_trip_loses_nothing(fitted, way, tmp_path):
    path = tmp_path / "colorizer.joblib"
    if way == "pickle":
        loaded = pickle.loads(pickle.dumps(fitted))
    elif way == "deepcopy":
        loaded = copy.deepcopy(fitted)
    else:
        joblib.dump(fitted, path, compress=3 if way == "compressed" else 0)
        loaded = joblib.load(path, mmap_mode="r" if way == "mapped" else None)
    same(loaded, fitted)
    assert not loaded.module_.training
    if hasattr(fitted, "sample_y"):
        np.testing.assert_array_equal(
            loaded.sample_y(PHOTOS, 1, random_state=0), fitted.sample_y(PHOTOS, 1, random_state=0)
        )
    assert np.isfinite(loaded.set_params(warm_start=True).fit(PHOTOS).loss_curve_).all()
    assert np.isfinite(loaded.partial_fit(PHOTOS).loss_curve_).all()


def test_weights_are_stored_as_arrays_without_torch(one):
    """So that they map into memory, and a model from a GPU loads where there is none."""
    for model in (one, small().partial_fit(PHOTOS)):
        words = {arg for _, arg, _ in pickletools.genops(pickle.dumps(model)) if isinstance(arg, str)}
        assert "numpy" in " ".join(words)
        assert not [word for word in words if word.startswith("torch")]


def test_an_unfitted_one_and_a_pipeline(one, tmp_path):
    assert joblib.load(joblib.dump(small(), tmp_path / "a")[0]).get_params() == small().get_params()
    pipeline = joblib.load(joblib.dump(make_pipeline(ImageLoader(), one), tmp_path / "b")[0])
    np.testing.assert_array_equal(np.stack(list(pipeline.predict(list(PHOTOS)))), one.predict(PHOTOS))


def test_another_process_predicts_the_same(one, tmp_path):
    joblib.dump(one, tmp_path / "colorizer.joblib")
    np.save(tmp_path / "photos.npy", PHOTOS)
    script = """
        import joblib, numpy as np
        colorizer = joblib.load("colorizer.joblib", mmap_mode="r")
        np.save("pictures.npy", colorizer.predict(np.load("photos.npy")))
    """
    subprocess.run([sys.executable, "-W", "error", "-c", textwrap.dedent(script)], check=True, cwd=tmp_path)
    difference = np.load(tmp_path / "pictures.npy").astype(int) - one.predict(PHOTOS)
    assert np.abs(difference).max() <= 1  # the other process may have another number of threads


@pytest.mark.parametrize("estimator", [small(), RGBToLab()], ids=lambda e: type(e).__name__)
def test_another_version_warns(estimator, monkeypatch):
    monkeypatch.setattr("skcolorize._base.__version__", "0.0.1")
    saved = pickle.dumps(estimator)
    monkeypatch.undo()
    with pytest.warns(InconsistentVersionWarning) as caught:
        pickle.loads(saved)
    message = str(caught[0].message)
    assert all(
        word in message for word in (type(estimator).__name__, "0.0.1 (skcolorize)", f"{__version__} (sk")
    )
    pickle.loads(pickle.dumps(estimator))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an accelerator")
def test_a_model_of_a_gpu_loads_without_one(tmp_path):
    colorizer = small(device="cuda").fit(PHOTOS)
    loaded = pickle.loads(pickle.dumps(colorizer)).set_params(device="cpu")
    assert {p.device.type for p in loaded.module_.parameters()} == {"cpu"}
    assert np.abs(loaded.predict(PHOTOS).astype(int) - colorizer.predict(PHOTOS)).max() <= 3


# ------------------------------------------------------------ of older versions


@pytest.mark.parametrize("path", sorted(DATA.glob("colorizer-*.joblib")), ids=lambda path: path.stem)
def test_a_saved_colorizer_of_every_version_loads_for_ever(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InconsistentVersionWarning)
        colorizer = joblib.load(path)
    assert colorizer.module_.config["widths"] == [16, 16]  # not what is built by default today
    check_pictures(colorizer, path.stem.removeprefix("colorizer-"), 2)
    assert np.isfinite(clone(colorizer).set_params(weights=None, max_iter=1).fit(PHOTOS).loss_curve_).all()


@pytest.mark.parametrize("path", sorted(DATA.glob("weights-*.npz")), ids=lambda path: path.stem)
def test_saved_weights_of_every_version_load_for_ever(path):
    colorizer = Colorizer.from_pretrained(path)
    assert colorizer.image_size == 32
    check_pictures(colorizer, path.stem.removeprefix("weights-"), 3)
    assert np.isfinite(clone(colorizer).fit(PHOTOS).loss_curve_).all()


def check_pictures(colorizer, version, levels):
    with np.load(DATA / f"pictures-{version}.npz") as stored:
        pictures = colorizer.predict(stored["photos"])
        assert np.ptp(stored["pictures"], axis=-1).mean() > 10  # they have colours
        assert np.abs(pictures.astype(int) - stored["pictures"]).max() <= levels


def test_this_version_has_its_files():
    names = {path.name for path in DATA.iterdir()}
    assert {
        f"{kind}-{__version__}.{end}" for kind, end in (("colorizer", "joblib"), ("weights", "npz"))
    } <= names


# ------------------------------------------------------------------ without code


def test_weights_come_back_as_a_fitted_colorizer(fitted, tmp_path):
    path = tmp_path / "weights.npz"
    fitted.save_weights(path)
    loaded = Colorizer.from_pretrained(path)
    assert same_weights(loaded, fitted)
    np.testing.assert_array_equal(loaded.predict(PHOTOS), fitted.predict(PHOTOS))
    assert loaded.weights == path
    assert loaded.vividness == 0.5 and loaded.loss == fitted.loss
    assert loaded.n_iter_ == 0 and loaded.loss_curve_ == [] and loaded.skipped_images_ == []
    assert hasattr(loaded, "ab_bins_") == hasattr(fitted, "ab_bins_")
    with np.load(path, allow_pickle=False) as members:
        header = json.loads(str(members["header"]))
    assert header["format_version"] == 1 and header["skcolorize_version"] == __version__
    assert not {"checkpoint", "device", "n_jobs", "verbose", "weights", "random_state"} & set(
        header["params"]
    )


def test_a_clone_goes_on_from_the_same_weights(fitted, tmp_path):
    fitted.save_weights(tmp_path / "weights.npz")
    still = dict(
        max_iter=1, learning_rate="constant", learning_rate_init=1e-12, weight_decay=0, random_state=0
    )
    loaded = Colorizer.from_pretrained(tmp_path / "weights.npz", **still)
    before = loaded.predict(PHOTOS)
    again = clone(loaded).fit(PHOTOS)
    np.testing.assert_allclose(again.predict(PHOTOS).astype(int), before.astype(int), atol=1)
    assert again._decoding.calibration == fitted._decoding.calibration  # photos learned by heart tell nothing
    assert again.n_iter_ == 1


def test_parameters_of_the_caller_win(one, tmp_path):
    one.save_weights(tmp_path / "weights.npz")
    loaded = Colorizer.from_pretrained(tmp_path / "weights.npz", image_size=64, vividness=0.0)
    assert loaded.image_size == 64 and loaded.vividness == 0
    with pytest.raises(
        ValueError, match="loss='squared_error', but the weights were trained with loss='log_loss'"
    ):
        Colorizer.from_pretrained(tmp_path / "weights.npz", loss="squared_error")
    with pytest.raises(ValueError, match="'image_size' parameter of Colorizer must be"):
        Colorizer.from_pretrained(tmp_path / "weights.npz", image_size=1)
    with pytest.raises(TypeError, match="no_such"):
        Colorizer.from_pretrained(tmp_path / "weights.npz", no_such=1)


def test_what_is_saved_is_the_fitted_network_whatever_the_parameters_say(tmp_path):
    colorizer = small(max_iter=1).fit(PHOTOS).set_params(loss="squared_error", encoder="vgg11")
    colorizer.save_weights(tmp_path / "weights.npz")
    loaded = Colorizer.from_pretrained(tmp_path / "weights.npz")
    assert (loaded.encoder, loaded.loss) == ("squeezenet1_1", "log_loss")


def test_the_embedded_weights():
    embedded = Colorizer.from_pretrained(image_size=64)
    assert (embedded.encoder, embedded.decoder, embedded.weights) == ("mobilenet_v2", "unet", "auto")
    photo = np.random.default_rng(0).integers(0, 256, (40, 40), dtype=np.uint8)
    default = Colorizer(image_size=64, max_iter=1, learning_rate_init=1e-12, weight_decay=0, random_state=0)
    again = default.set_params(precision="float32").fit(PHOTOS).predict(photo)
    assert np.abs(again.astype(int) - embedded.predict(photo)).max() <= 1  # fit starts from them


def test_pathless_or_unfitted(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no such\.npz"):
        Colorizer.from_pretrained(tmp_path / "no such.npz")


# ------------------------------------------------------------------ broken files


@pytest.fixture(scope="module")
def content(one, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "weights.npz"
    one.save_weights(path)
    return path.read_bytes()


def rewritten(path, content, change):
    """The file with another header or other arrays."""
    path.write_bytes(content)
    with np.load(path) as members:
        members = dict(members)
    header = json.loads(str(members["header"]))
    change(header, members)
    np.savez(path, **{**members, "header": np.array(json.dumps(header))})


def object_array(header, members):
    members["ab_bins"] = np.array([None], dtype=object)


def altered(header, members):
    members["network.head.conv.bias"] = members["network.head.conv.bias"] + 1


CHANGES = {
    "newer": (lambda header, members: header.update(format_version=99), "upgrade"),
    "object array": (object_array, "pickled objects"),
    "altered weights": (altered, "altered"),
    "a member less": (lambda header, members: members.pop("ab_bins"), "altered"),
    "no network": (lambda header, members: header.pop("network"), "altered"),
    "no calibration": (lambda header, members: header.update(calibration=None), "altered"),
    "strange calibration": (lambda header, members: header.update(calibration={"x": 1}), "altered"),
    "no parameters": (lambda header, members: header.pop("params"), "altered"),
    "another encoder": (lambda header, members: header["network"].update(encoder="vgg11"), "weights.npz"),
    "no encoder": (lambda header, members: header["network"].pop("encoder"), "altered"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_file_is_an_error_and_never_a_wrong_model(content, tmp_path, change):
    alter, words = CHANGES[change]
    rewritten(tmp_path / "weights.npz", content, alter)
    for load in (Colorizer.from_pretrained, lambda path: small(weights=path).fit(PHOTOS)):
        with pytest.raises(ValueError, match=words) as caught:
            load(tmp_path / "weights.npz")
        assert "weights.npz" in str(caught.value)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.999])
def test_a_file_cut_short(content, tmp_path, share):
    (tmp_path / "weights.npz").write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match=r"weights\.npz"):
        Colorizer.from_pretrained(tmp_path / "weights.npz")
