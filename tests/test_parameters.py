"""Parameters are checked by fit, in scikit-learn's words, and say what fit starts from."""

import time
import urllib.error
import urllib.request

import numpy as np
import pytest
import torch
from small import made_up_photos, same_weights, small

from skcolorize import Colorizer
from skcolorize.networks.weights import network_state

pytestmark = pytest.mark.usefixtures("one_thread")  # bit by bit

PHOTOS = made_up_photos(3)

REFUSED = [
    ("decoder", "unett", "a str among {'unet', 'plain'}"),
    ("loss", "mse", "a str among"),
    ("weights", 3, "None"),
    ("vividness", -0.1, r"a float in the range \[0, inf\)"),
    ("vividness", float("nan"), r"a float in the range \[0, inf\)"),
    ("vividness", float("inf"), r"a float in the range \[0, inf\)"),
    ("image_size", 16, r"an int in the range \[32, inf\)"),
    ("image_size", (32, 40), "a pair of multiples of 32"),
    ("image_size", 192.0, "an int in the range"),
    ("max_iter", 0, r"an int in the range \[1, inf\)"),
    ("max_iter", True, r"an int in the range \[1, inf\)"),
    ("batch_size", 0, r"an int in the range \[1, inf\)"),
    ("learning_rate", "adaptive", "a str among"),
    ("learning_rate_init", 0, r"a float in the range \(0.0?, inf\)|a float in the range \(0, inf\)"),
    ("encoder_learning_rate_ratio", -1, r"a float in the range \[0, inf\)"),
    ("weight_decay", -1, r"a float in the range \[0, inf\)"),
    ("freeze_encoder", "yes", "'auto'"),
    ("augment", "crop", "'flip'"),
    ("early_stopping", 1, "an instance of 'bool'"),
    ("validation_fraction", 1.0, r"a float in the range \(0, 1\)"),
    ("n_iter_no_change", 0, r"an int in the range \[1, inf\)"),
    ("tol", -1e-4, r"a float in the range \[0, inf\)"),
    ("warm_start", "no", "an instance of 'bool'"),
    ("checkpoint", 1, "the path of a local folder"),
    ("device", 0, "a device of PyTorch"),
    ("precision", "half", "a str among"),
    ("n_jobs", 0, "a positive int, -1 or None"),
    ("random_state", -1, "an int in the range"),
    ("verbose", 2, "an instance of 'bool'"),
    ("encoder", None, "an instance of 'str'"),
]


@pytest.mark.parametrize(("name", "value", "words"), REFUSED, ids=lambda v: str(v)[:24])
def test_refused_values_in_scikit_learns_words(name, value, words):
    message = rf"The '{name}' parameter of Colorizer must be .*({words}).*Got {value!r} instead\."
    with pytest.raises(ValueError, match=message.replace("(32, 40)", r"\(32, 40\)")):
        small(**{name: value}).fit(PHOTOS)


def test_every_parameter_has_a_rule_and_a_refused_value():
    names = set(Colorizer().get_params())
    assert names == set(Colorizer._parameter_rules) == {name for name, _, _ in REFUSED}


def test_nothing_is_checked_before_fit():
    colorizer = small(encoder="no such", loss=3, max_iter=-1)
    assert colorizer.get_params()["encoder"] == "no such"


def test_what_acts_at_once_is_checked_in_predict():
    colorizer = small(max_iter=1).fit(PHOTOS)
    with pytest.raises(ValueError, match="'vividness' parameter of Colorizer must be"):
        colorizer.set_params(vividness=-1).predict(PHOTOS[0])


@pytest.mark.parametrize(
    ("wrong", "near"),
    [
        ("mobilnet_v2", "Did you mean .*'mobilenet_v2'"),
        ("ResNet-18", "Did you mean .*'resnet18'"),
        ("vit_b_16", "Families: vgg, resnet"),
    ],
)
def test_an_unknown_encoder_gets_near_matches(wrong, near):
    with pytest.raises(ValueError, match=rf"The 'encoder' parameter must be .*Got '{wrong}'\..*{near}"):
        small(encoder=wrong).fit(PHOTOS)


def test_devices_that_are_not_there():
    with pytest.raises(ValueError, match="'device' parameter must be 'auto' or a device of PyTorch"):
        small(device="gpu please").fit(PHOTOS)
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match="finds no CUDA device here: use device='auto' or 'cpu'"):
            small(device="cuda").fit(PHOTOS)


@pytest.mark.parametrize("precision", ["auto", "bfloat16"])
def test_precision_of_fit_leaves_float32_weights_and_predictions(precision):
    colorizer = small(max_iter=1, precision=precision).fit(PHOTOS)
    assert {p.dtype for p in colorizer.module_.parameters()} == {torch.float32}
    assert np.isfinite(colorizer.loss_curve_).all()
    wide = colorizer.set_params(precision="float32").predict(PHOTOS).astype(int)
    narrow = colorizer.set_params(precision="bfloat16").predict(PHOTOS).astype(int)
    assert 0 < np.abs(wide - narrow).mean() < 8  # it is used, and it is no other picture


# -------------------------------------------------------------------- weights


@pytest.fixture
def offline(tmp_path, monkeypatch):
    """No network, and an empty download folder."""

    def refuse(*args, **kwargs):
        raise urllib.error.URLError("Name or service not known")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    monkeypatch.setattr("torch.hub.urlopen", refuse)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("weights", ["imagenet", "auto"])
def test_a_download_that_fails_is_one_clear_error_before_any_work(offline, weights):
    began = time.process_time()
    with pytest.raises(OSError, match="could not be downloaded") as caught:
        small(weights=weights).fit(["never read.jpg"])
    assert time.process_time() - began < 5
    message = str(caught.value)
    assert "weights=None" in message and "squeezenet1_1-" in message and str(offline) in message
    assert caught.value.__cause__ is None and caught.value.__suppress_context__


def test_embedded_weights_need_their_network():
    with pytest.raises(
        ValueError, match=r"weights='embedded' go with encoder='mobilenet_v2'.*weights='imagenet'"
    ):
        small(weights="embedded").fit(PHOTOS)


def test_weights_of_another_network_are_refused(tmp_path):
    small(max_iter=1).fit(PHOTOS).save_weights(tmp_path / "a.npz")
    with pytest.raises(ValueError, match=r"holds encoder='squeezenet1_1' and decoder='unet', not .*'plain'"):
        small(weights=tmp_path / "a.npz", decoder="plain").fit(PHOTOS)
    with pytest.raises(FileNotFoundError, match=r"b\.npz"):
        small(weights=tmp_path / "b.npz").fit(PHOTOS)


def test_a_body_is_loaded_and_its_head_is_new_where_the_loss_is_another(tmp_path):
    first = small(max_iter=1).fit(PHOTOS)
    first.save_weights(tmp_path / "a.npz")
    still = dict(max_iter=1, learning_rate="constant", learning_rate_init=1e-12, weight_decay=0)
    second = small(weights=tmp_path / "a.npz", loss="squared_error", **still).fit(PHOTOS)
    body, head = first.module_.state_dict(), second.module_.state_dict()["head.conv.weight"]
    assert head.shape[0] == 2
    for name, value in second.module_.state_dict().items():
        if not name.startswith("head") and "running" not in name and "num_batches" not in name:
            torch.testing.assert_close(value, body[name], rtol=0, atol=1e-6)


def test_the_embedded_body_serves_another_loss():
    colorizer = Colorizer(loss="squared_error", image_size=64, max_iter=1, random_state=0).fit(PHOTOS)
    assert (
        colorizer.module_.config["encoder_norms"] == "folded"
    )  # as in the file, whatever is built by default
    assert colorizer.predict(PHOTOS).shape == PHOTOS.shape


def test_only_a_pretrained_encoder_learns_at_its_own_rate(tmp_path):
    (start := small(max_iter=1).fit(PHOTOS)).save_weights(tmp_path / "a.npz")
    kept = network_state(start.module_.encoder)
    for weights, moves in ((None, True), (tmp_path / "a.npz", False)):
        options = dict(weights=weights, encoder_learning_rate_ratio=0.0, weight_decay=0, max_iter=1)
        encoder = network_state(small(**options, learning_rate_init=1e-2).fit(PHOTOS).module_.encoder)
        assert any((encoder[name] != kept[name]).any() for name in kept) == moves


def test_torchvisions_file_is_a_start(tmp_path):
    from torchvision import models

    torch.save(models.squeezenet1_1(weights=None).state_dict(), tmp_path / "s.pth")
    colorizer = small(weights=tmp_path / "s.pth", max_iter=1).fit(PHOTOS)
    frozen = small(weights=tmp_path / "s.pth", max_iter=1, freeze_encoder=True).fit(PHOTOS)
    assert same_weights(colorizer, frozen)  # "auto" freezes what ImageNet taught


@pytest.mark.parametrize(("freeze", "moves"), [(True, False), (False, True), ("auto", True)])
def test_a_frozen_encoder_does_not_move(freeze, moves):
    kept = dict(max_iter=1, freeze_encoder=freeze)
    low, high = (small(learning_rate_init=rate, **kept).fit(PHOTOS) for rate in (1e-3, 2e-3))
    one, other = low.module_.encoder.state_dict(), high.module_.encoder.state_dict()
    assert any((one[name] != other[name]).any() for name in one) == moves
    assert (low.module_.head.conv.weight != high.module_.head.conv.weight).any()
    assert all(p.requires_grad for p in low.module_.parameters())


FIRST_RECIPE = dict(
    encoder="vgg19",
    decoder="plain",
    loss="squared_error",
    freeze_encoder=True,
    image_size=(224, 224),
    learning_rate="constant",
    learning_rate_init=1e-3,
    weight_decay=0,
    batch_size=32,
    augment=False,
)


def test_the_first_recipe_is_said_by_parameters_alone():
    """How the project began: VGG19 to its last pooling, a plain decoder, squared error, Adam."""
    smaller = dict(image_size=(64, 64), weights=None, max_iter=1, random_state=0, precision="float32")
    colorizer = Colorizer(**{**FIRST_RECIPE, **smaller}).fit(PHOTOS[:1])
    network = colorizer.module_
    assert network.config["taps"] == ["features.36"]  # its last pooling
    widths = [tuple(conv.weight.shape[:2]) for conv in (*network.decoder.convs, network.head.conv)]
    assert widths == [(256, 512), (128, 256), (64, 128), (32, 64), (16, 32), (2, 16)]
    with torch.no_grad():
        assert network(torch.zeros(1, 1, *FIRST_RECIPE["image_size"]))["ab"].shape == (1, 2, 224, 224)
    assert colorizer.predict(PHOTOS[0]).shape == PHOTOS[0].shape
