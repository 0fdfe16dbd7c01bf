"""The recipe on a handful of made photos: sets, dealing, the course, resuming, guards, the card."""

import argparse
import io
import tarfile

import numpy as np
import pytest
import torch
from PIL import Image

from skcolorize import Colorizer
from skcolorize.inference.decoding import Decoding
from skcolorize.networks import LogLoss, ab_bins, build_network, network_config
from skcolorize.networks.weights import save_npz
from skcolorize.pretrained import _course, _sets, recipe
from skcolorize.training.loop import Settings

pytestmark = pytest.mark.usefixtures("one_thread")  # bit by bit

COMMAND = ["--n-photos", 8, "--batch-size", 4, "--image-size", 32, "--n-jobs", 1]
COMMAND += ["--encoder", "squeezenet1_1"]


def photo(seed, size=(120, 130)):
    """Smooth colours: an 8-bit picture that is neither gray nor of one hue."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (4, 5, 3), dtype=np.uint8))
    return small.resize(size[::-1], Image.Resampling.BICUBIC)


def save_tar(path, names, size=(120, 130)):
    with tarfile.open(path, "w") as tar:
        for seed, name in enumerate(names):
            buffer = io.BytesIO()
            photo(seed, size).save(buffer, "PNG")
            entry = tarfile.TarInfo(name)
            entry.size = buffer.tell()
            buffer.seek(0)
            tar.addfile(entry, buffer)
    return str(path)


@pytest.fixture
def folder(tmp_path):
    target = tmp_path / "photos"
    (target / "deep").mkdir(parents=True)
    for i in range(4):
        photo(i).save(target / "deep" / f"cats-{i}.png")
    photo(9).save(target / "food-9.png")
    (target / "notes.txt").write_text("no photo")
    return str(target)


def test_sets_come_from_folders_and_tars(folder, tmp_path):
    found = _sets.find_photos(folder, ["food-*"])
    assert [_sets.item_name(item) for item in found.items] == [f"cats-{i}.png" for i in range(4)]
    assert found.weight == 1
    tar = save_tar(tmp_path / "more.tar", ["a/dogs-0.png", "a/food-1.png", "a/readme.txt"])
    found = _sets.find_photos(f"{tar}:0.25", ["food-*"])
    assert (found.weight, found.n_dealt) == (0.25, 0.25)
    [member] = found.items
    assert _sets.item_name(member) == "dogs-0.png"
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(member.read()))), np.asarray(photo(0)))


def test_what_is_no_set_is_refused(folder, tmp_path):
    with pytest.raises(FileNotFoundError, match="neither a folder nor a tar"):
        _sets.find_photos(str(tmp_path / "nowhere.tar"))
    with pytest.raises(ValueError, match="positive number"):
        _sets.find_photos(f"{folder}:-1")
    with pytest.raises(ValueError, match="no photos but excluded ones"):
        _sets.find_photos(folder, ["*"])


def test_a_hundredth_is_held_out_by_name(folder):
    found = _sets.find_photos(folder)
    sets, held_out = _sets.hold_out([found])
    assert len(held_out) == 1
    assert set(sets[0].items) | set(held_out) == set(found.items)
    assert _sets.hold_out([found])[1] == held_out
    with pytest.raises(ValueError, match="none is left"):
        _sets.hold_out([_sets.PhotoSet("one", 1.0, found.items[:1])])


def test_weights_decide_how_often_a_set_is_dealt(folder, tmp_path):
    heavy = _sets.PhotoSet("heavy", 3.0, ("a", "b"))
    light = _sets.PhotoSet("light", 0.5, ("c", "d", "e", "f"))
    dealt = _sets.DealtPhotos([heavy, light], 1, 0, torch.device("cpu"))
    [(total, least, items, cumulated)] = dealt._pools
    assert total == 8
    shares = np.diff(cumulated, prepend=0)
    assert shares[[items.index("a"), items.index("c")]] == pytest.approx([3 / 8, 0.5 / 8])
    assert least == 0  # nothing that can be opened counts as small


def test_photos_of_a_batch_are_of_one_kind(folder, tmp_path):
    small = save_tar(tmp_path / "small.tar", [f"{i}.png" for i in range(4)], (70, 80))
    sharp = save_tar(tmp_path / "sharp.tar", [f"{i}.png" for i in range(4)], (220, 300))
    sets = [_sets.find_photos(text) for text in (folder, small, sharp)]
    assert [photos.short_side() for photos in sets] == [120, 70, 220]
    dealt = _sets.DealtPhotos(sets, 80, 0, torch.device("cpu"))
    sides = {dealt.batch([i, i + 1], 0)[0].shape[-1] for i in range(0, 80, 2)}
    assert sides == {96, 128, 160, 192, 256}
    again = _sets.DealtPhotos(sets, 40, 0, torch.device("cpu"), n_jobs=2)
    for first, second in zip(dealt.batch([3, 5], 1), again.batch([3, 5], 1), strict=True):
        assert torch.equal(first, second)


def test_large_photos_are_seen_nearly_whole_and_in_a_mirror():
    y, x = np.mgrid[:200, :300] * np.array([255 / 199, 255 / 299])[:, None, None]
    rng, pixels = np.random.default_rng(0), np.dstack([x, y, x]).astype(np.uint8)
    views = np.stack([_sets.view(pixels, 64, True, rng) for _ in range(40)]).astype(int)
    across, down = views[:, 0, -1, 0] - views[:, 0, 0, 0], views[:, -1, 0, 1] - views[:, 0, 0, 1]
    assert 0.82 * 255 < abs(across).min() < 0.9 * 255 and abs(across).max() > 0.95 * 255
    assert 0.82 * 255 < down.min() < 0.9 * 255 and down.max() > 0.95 * 255
    assert 10 < np.count_nonzero(across < 0) < 30


def test_of_smaller_photos_a_piece_is_seen_squeezed_or_not():
    y, x = np.mgrid[:200, :300] * np.array([255 / 199, 255 / 299])[:, None, None]
    rng, pixels = np.random.default_rng(0), np.dstack([x, y, x]).astype(np.uint8)
    views = np.stack([_sets.view(pixels, 64, False, rng) for _ in range(200)]).astype(int)
    across, down = abs(views[:, 0, -1, 0] - views[:, 0, 0, 0]), views[:, -1, 0, 1] - views[:, 0, 0, 1]
    assert 0.57 * 255 < down.min() < 0.65 * 255 and down.max() > 0.95 * 255
    shape = across / down  # of the piece, in the photo's own measures: 1, or 2 / 3 where it is a square
    squeezed = shape > 0.8
    assert 0.3 < squeezed.mean() < 0.5
    assert abs(shape - np.where(squeezed, 1, 2 / 3)).max() < 0.02


def test_each_round_and_seed_deals_and_crops_anew(folder):
    sets = [_sets.find_photos(folder)]
    dealt = _sets.DealtPhotos(sets, 4, 0, torch.device("cpu"))
    photos = {float(dealt.centred().batch([3], epoch)[1].mean().round(decimals=1)) for epoch in range(8)}
    assert len(photos) > 1
    alone = [_sets.PhotoSet("one", 1.0, sets[0].items[:1])]
    views = [_sets.DealtPhotos(alone, 4, seed, torch.device("cpu")).batch([3], 0)[1] for seed in range(4)]
    first, second = [view for view in views if [v.shape for v in views].count(view.shape) > 1][:2]
    assert not torch.equal(first, second)


def test_gray_and_broken_photos_are_not_dealt(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no photo")
    Image.new("L", (120, 120), 80).save(tmp_path / "b.png")
    found = _sets.find_photos(str(tmp_path))
    dealt = _sets.DealtPhotos([found], 2, 0, torch.device("cpu"))
    with pytest.raises(ValueError, match="50 photos in a row"):
        dealt.batch([0], 0)
    photo(0).save(tmp_path / "c.png")
    dealt = _sets.DealtPhotos([_sets.find_photos(str(tmp_path))], 2, 0, torch.device("cpu"))
    assert dealt.batch([0, 1], 0)[1].abs().max() > 5


def run(*args):
    return recipe.main([*map(str, args)])


def test_the_recipe_writes_weights_and_card(folder, init, tmp_path, capsys):
    output = tmp_path / "mine.npz"
    assert run(folder, "-o", output, "--init", init, "--exclude", "food-*", *COMMAND) == 0
    printed = capsys.readouterr().out
    assert "round 1/1" in printed and "vividness 0" in printed
    colorizer = Colorizer.from_pretrained(output)
    assert (colorizer.encoder, colorizer.image_size) == ("squeezenet1_1", 32)
    assert colorizer.predict(np.asarray(photo(3).convert("L"))).shape == (120, 130, 3)
    card = output.with_suffix(".md").read_text(encoding="utf-8")
    assert card.startswith("Code BSD-3-Clause; weights trained on")
    assert f"| {folder} | 3 | 1 |" in card and "gray" in card and "--exclude 'food-*'" in card
    assert not list(tmp_path.glob("*.pt"))
    # what it wrote is a start for another
    assert run(folder, "-o", tmp_path / "next.npz", "--init", output, *COMMAND) == 0


class Interrupted(Exception):
    pass


def test_an_interrupted_training_is_gone_on_with(folder, init, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(_course, "ROUND", 4)
    whole, parts = tmp_path / "whole.npz", tmp_path / "parts.npz"
    assert run(folder, "-o", whole, "--init", init, *COMMAND) == 0
    healthy = _course.health

    def interrupt(*args):
        raise Interrupted

    monkeypatch.setattr(_course, "health", interrupt)
    with pytest.raises(Interrupted):
        run(folder, "-o", parts, "--init", init, *COMMAND)
    assert not parts.exists()
    monkeypatch.setattr(_course, "health", healthy)
    capsys.readouterr()
    assert run(folder, "-o", parts, "--init", init, *COMMAND) == 0
    assert "going on after round 1" in capsys.readouterr().out
    first, second = (Colorizer.from_pretrained(path).module_.state_dict() for path in (whole, parts))
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize(
    ("colorfulness", "share", "message"), [(3.0, 0.2, "gone gray"), (20.0, 0.7, "70% of cells")]
)
def test_guards_stop_a_collapse(colorfulness, share, message, folder, init, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(_course, "health", lambda *_: _course.Health(colorfulness, share))
    monkeypatch.setattr(_course, "WARM_UP", 8)
    assert run(folder, "-o", tmp_path / "a.npz", "--init", init, *COMMAND) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "a.npz").exists()


def test_health_sees_gray_and_one_colour():
    decoding = Decoding(torch.from_numpy(ab_bins()))

    class Always:
        def __init__(self, ab):
            self.logits = torch.zeros(1, len(decoding.bins), 8, 8)
            self.logits[:, (decoding.bins - torch.tensor(ab)).square().sum(1).argmin()] = 40

        def centred(self):
            return self

        def __len__(self):
            return 2

        def batch(self, positions, epoch):
            return torch.zeros(1, 1, 32, 32), None

        def __call__(self, x):
            return {"logits": self.logits}

    gray, orange = Always((0.0, 0.0)), Always((20.0, 50.0))
    state = _course.health(gray, gray, decoding)
    assert state.colorfulness < 1 and state.largest_share == 0
    state = _course.health(orange, orange, decoding)
    assert state.colorfulness > 30 and state.largest_share == 1
    with pytest.raises(_course.CollapseError, match="one colour"):
        state.check()


def test_the_average_follows_the_weights():
    torch.manual_seed(0)

    class Batches:
        device = torch.device("cpu")

        def __len__(self):
            return 4

        def batch(self, positions, epoch):
            return torch.zeros(len(positions), 1, 32, 32), torch.full((len(positions), 2, 32, 32), 20.0)

        @staticmethod
        def forward(network, x, rows, masks):
            return network(x, rows)

    network = build_network(network_config("squeezenet1_1"), 0)
    trainer = _course.AveragingTrainer(
        network, LogLoss(ab_bins()), Batches(), Settings(2, 4, "constant", decoder_norms_learn=False)
    )
    before = [p.detach().clone() for p in network.parameters()]
    trainer.run_epoch()
    decay = 1 - 6 / 21
    after = list(network.parameters())
    expected = [decay * b + (1 - decay) * a for b, a in zip(before, after, strict=True)]
    averaged = list(trainer.averaged().parameters())
    for mean, wanted in zip(averaged, expected, strict=True):
        torch.testing.assert_close(mean, wanted)
    assert not torch.equal(after[-1], before[-1])


def test_starts_of_every_kind(init, tmp_path):
    assert _course.start_from(init, "squeezenet1_1", 0).new_head
    with pytest.raises(ValueError, match="not weights of mobilenet_v2"):
        _course.start_from(init, "mobilenet_v2", 0)
    strange = tmp_path / "strange.npz"
    save_npz(strange, {"network.x": np.zeros(3, np.float32)}, {"network": network_config("squeezenet1_1")})
    with pytest.raises((ValueError, KeyError)):
        _course.start_from(str(strange), "squeezenet1_1", 0)


def test_faults_of_the_command_are_told(folder, tmp_path, capsys):
    assert run(folder, "-o", tmp_path / "a.pt") == 2
    assert ".npz" in capsys.readouterr().err
    assert run(tmp_path / "nowhere", "-o", tmp_path / "a.npz") == 2
    assert "neither a folder nor a tar" in capsys.readouterr().err
    assert run(folder, "-o", tmp_path / "a.npz", "--n-photos", 0) == 2
    assert "at least 1" in capsys.readouterr().err


def test_the_parser_shows_its_defaults():
    parser = recipe._parser()
    assert isinstance(parser, argparse.ArgumentParser)
    assert "1350000" in parser.format_help()
