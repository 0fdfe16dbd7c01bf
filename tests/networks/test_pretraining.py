"""torchvision's weights from its cache and from files, and the recipe's start weights."""

import urllib.error

import numpy as np
import pytest
import torch
from networks._models import fill, maps_of_original, original
from torch import nn
from torch.nn import functional as F
from torchvision import models

from skcolorize.networks import ab_bins, build_network, fold_encoder_norms_, network_config
from skcolorize.networks.pretraining import gray_stem
from skcolorize.networks.state import network_state
from skcolorize.networks.weights import load_encoder_weights, load_start_weights

NAME = "squeezenet1_1"
FILE = "squeezenet1_1-b8a52dc0.pth"


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """An empty cache of torch.hub, and no network."""

    def refuse(*_args, **_kwargs):
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr("torch.hub.urlopen", refuse)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    folder = tmp_path / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


def network(name=NAME):
    return build_network(network_config(name), 0).eval()


def saved(path, state):
    torch.save(state, path)
    return path


def test_a_failed_download_says_what_to_do(hub):
    with pytest.raises(ConnectionError) as error:
        load_encoder_weights(network(), "imagenet")
    message = str(error.value)
    for part in ("no route to host", f"put the file {FILE} into {hub}", "pass weights=None", "https://"):
        assert part in message
    assert error.value.__suppress_context__
    assert list(hub.iterdir()) == []


def test_a_file_put_into_the_cache_is_found(hub):
    model = original(NAME)
    saved(hub / FILE, model.state_dict())
    ours = network()
    load_encoder_weights(ours, "imagenet")
    kernel = model.features[3].squeeze.weight
    assert torch.equal(ours.encoder.features[3].squeeze.weight, kernel)


def test_a_broken_file_in_the_cache_is_named(hub):
    (hub / FILE).write_bytes(b"<html>not found</html>")
    with pytest.raises(ValueError, match=f"{FILE}: damaged"):
        load_encoder_weights(network(), "imagenet")


def test_none_changes_nothing():
    ours = network()
    before = network_state(ours)
    load_encoder_weights(ours, None)
    assert all((value == before[name]).all() for name, value in network_state(ours).items())


def test_npz_with_torchvisions_names(tmp_path):
    model = original(NAME)
    arrays = {n: t.numpy().astype(np.float16) for n, t in model.state_dict().items()}
    np.savez(tmp_path / "sq.npz", **arrays)
    ours = network()
    load_encoder_weights(ours, str(tmp_path / "sq.npz"))
    expected = torch.from_numpy(arrays["features.3.squeeze.weight"]).float()
    assert torch.equal(ours.encoder.features[3].squeeze.weight, expected)


def test_old_names_of_densenet(tmp_path):
    """torchvision's files of 2017 say ``denselayer1.norm.1``."""
    state = original("densenet121").state_dict()
    old = {}
    for key, value in state.items():
        for part in ("norm", "conv"):
            for n in "12":
                key = key.replace(f".{part}{n}.", f".{part}.{n}.")
        old[key] = value
    assert sum(".norm.1." in key for key in old) == 58 * 5
    ours = network("densenet121")
    load_encoder_weights(ours, saved(tmp_path / "d.pth", old))
    loaded = ours.encoder.state_dict()
    for key, value in state.items():
        if key != "features.conv0.weight" and not key.endswith("num_batches_tracked"):
            assert torch.equal(loaded[key], value), key


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda s: s.pop("features.3.squeeze.weight"), r"features\.3\.squeeze\.weight is missing"),
        (lambda s: s.update(extra=torch.zeros(1)), "extra is unknown"),
        (lambda s: s.update({"features.0.weight": torch.zeros(64, 1, 3, 3)}), r"\(64, 1, 3, 3\) instead of"),
        (lambda s: s.update(nested={"a": 1}), "expected a dictionary of tensors"),
    ],
)
def test_gaps_are_errors(tmp_path, change, match):
    state = dict(original(NAME).state_dict())
    change(state)
    ours = network()
    before = network_state(ours)
    with pytest.raises(ValueError, match=rf"w\.pth: .*{match}"):
        load_encoder_weights(ours, saved(tmp_path / "w.pth", state))
    assert all((value == before[name]).all() for name, value in network_state(ours).items())


def test_weights_of_another_encoder(tmp_path):
    path = saved(tmp_path / "r.pth", original("resnet18").state_dict())
    with pytest.raises(ValueError, match=r"r\.pth: these are not weights of squeezenet1_1 .* more\)"):
        load_encoder_weights(network(), path)


def test_files_that_are_no_weights(tmp_path):
    path = tmp_path / "w.pth"
    for content in (b"", b"hello"):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"w\.pth: damaged, or more than weights"):
            load_encoder_weights(network(), path)
    saved(path, nn.Linear(1, 1))  # a whole module, which only code could load
    with pytest.raises(ValueError, match=r"w\.pth: damaged, or more than weights"):
        load_encoder_weights(network(), path)
    with pytest.raises(FileNotFoundError):
        load_encoder_weights(network(), tmp_path / "nothing.pth")


def test_folded_norms_are_refused():
    ours = network("mobilenet_v2")
    fold_encoder_norms_(ours)
    with pytest.raises(ValueError, match="before the norms are folded"):
        load_encoder_weights(ours, "imagenet")


def test_every_encoder_has_imagenet_weights_and_their_statistics():
    from skcolorize.networks import encoder_names
    from skcolorize.networks.pretraining import _published

    for name in encoder_names():
        published = _published(name)
        assert published.url.endswith(".pth"), name
        preprocessing = published.transforms()
        assert len(preprocessing.mean) == len(preprocessing.std) == 3
    assert _published("mobilenet_v2").name == "IMAGENET1K_V1"
    assert _published("efficientnet_v2_l").transforms().mean != _published("vgg11").transforms().mean


def test_gray_stem_at_the_border():
    weight = torch.randn(4, 3, 3, 3, generator=torch.Generator().manual_seed(0))
    mean, std = [0.1, 0.5, 0.7], [0.2, 0.3, 0.4]
    x = torch.rand(1, 1, 6, 6, generator=torch.Generator().manual_seed(1)) * 2 - 1
    rgb = ((x + 1) / 2 - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]
    got = F.conv2d(torch.cat([x, torch.ones_like(x)], 1), gray_stem(weight, mean, std), padding=1)
    torch.testing.assert_close(got, F.conv2d(rgb, weight, padding=1), rtol=1e-4, atol=1e-5)


class StartDecoder(nn.Module):
    """The start weights' decoder, as its description reads."""

    def __init__(self):
        super().__init__()
        self.red, self.glob = nn.Conv2d(320, 160, 1), nn.Linear(320, 160)
        self.b = nn.ModuleList(StartBlock(i, o) for i, o in [(256, 160), (192, 112), (136, 80)])
        self.head = nn.Conv2d(80, 305, 1)

    def forward(self, taps):
        x = self.red(taps[3]) + self.glob(taps[3].mean((2, 3)))[..., None, None]
        for block, tap in zip(self.b, taps[2::-1], strict=True):
            x = F.interpolate(x, size=tap.shape[2:], mode="bilinear", align_corners=False)
            x = block.c(torch.cat([x, tap], 1))
        return self.head(x)


class StartBlock(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        c = [nn.Conv2d(i, o, 3, 1, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU()]
        c += [nn.Conv2d(o, o, 3, 1, 1, groups=o, bias=False), nn.BatchNorm2d(o), nn.ReLU()]
        self.c = nn.Sequential(*c, nn.Conv2d(o, o, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU())


def test_start_weights_give_the_described_network(tmp_path):
    with torch.random.fork_rng(devices=[]):
        encoder, decoder = models.mobilenet_v2(weights=None), StartDecoder()
    encoder.features[0][0] = nn.Conv2d(1, 32, 3, 2, 1, bias=False)
    encoder.classifier = nn.Identity()
    fill(encoder).eval()
    fill(decoder).eval()
    for block, n_below in zip(decoder.b, (160, 160, 112), strict=True):
        with torch.no_grad():  # of what sees the map below the middle alone: the rest is no exact conversion
            middle = block.c[0].weight[:, :n_below, 1:2, 1:2].clone()
            block.c[0].weight[:, :n_below] = nn.functional.pad(middle, (1, 1, 1, 1))
    arrays = {n: t.numpy() for n, t in encoder.state_dict().items() if not n.startswith("features.18")}
    arrays |= {f"decoder.{n}": t.numpy() for n, t in decoder.state_dict().items()}
    arrays |= {"ab_bins": ab_bins(), "ab_prior": np.full(305, 1 / 305, np.float32)}
    np.savez(tmp_path / "start.npz", **arrays)

    ours = network("mobilenet_v2")
    prior = load_start_weights(tmp_path / "start.npz", ours)
    assert prior.shape == (305,)
    x = torch.rand(1, 1, 64, 96, generator=torch.Generator().manual_seed(0)) * 2 - 1
    lightness = (x + 1) * 50
    taps = maps_of_original(encoder, ours.encoder.taps, (lightness / 100 - 0.449) / 0.2255)
    with torch.no_grad():
        expected, got = decoder(taps), ours(x)["logits"]
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-4 * expected.abs().max().item())
