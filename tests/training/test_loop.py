"""Rates, stopping and norms of the training loop, on networks that cost nothing."""

import math
import threading

import numpy as np
import pytest
import torch
from small import made_up_photos
from torch import nn

from skcolorize.networks.heads import ALL_ROWS
from skcolorize.training.batches import PhotoBatches
from skcolorize.training.loop import History, Settings, Trainer, refresh_norms

PHOTOS = list(made_up_photos(5, 32, 40))
CPU = torch.device("cpu")


class Toy(nn.Module):
    """Parts of a network under their names: an encoder with a norm, a decoder with a norm, a head."""

    config = {"channels": [4]}

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.encoder = nn.Sequential(nn.Conv2d(1, 4, 4, stride=4), nn.BatchNorm2d(4))
        self.decoder = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU())
        self.head = nn.Conv2d(4, 2, 1)

    def encode(self, x):
        return (self.encoder(x),)

    def decode(self, maps, rows=ALL_ROWS):
        return {"ab": self.head(self.decoder(maps[-1]))}


def squared(outputs, target, rows):
    return ((outputs["ab"] - nn.functional.avg_pool2d(target, 4) / 128) ** 2).mean()


def batches(photos=PHOTOS, augment=False):
    return PhotoBatches(photos, range(len(photos)), (32, 32), augment, 0, CPU)


@pytest.fixture(autouse=True)
def keep_the_global_generator():
    with torch.random.fork_rng():
        yield


def trainer(validate=None, loss=squared, **settings):
    return Trainer(Toy(), loss, batches(), Settings(**{"max_iter": 4, "batch_size": 2, **settings}), validate)


def run(trainer):
    while not trainer.finished:
        trainer.run_epoch()
    return trainer


def rates(trainer) -> list[float]:
    """The learning rate of the head at each step."""
    seen = []
    step = trainer.optimizer.step
    trainer.optimizer.step = lambda *a, **k: (
        seen.append(trainer.optimizer.param_groups[-1]["lr"]),
        step(*a, **k),
    )
    run(trainer)
    return seen


# ----------------------------------------------------------------------- rates


def test_a_constant_rate_is_constant():
    assert rates(trainer(learning_rate="constant", tol=0, learning_rate_init=0.01)) == [0.01] * 12


def test_a_cosine_falls_to_nothing():
    seen = rates(trainer(learning_rate_init=0.01, max_iter=4))
    expected = [0.005 * (1 + math.cos(math.pi * step / 12)) for step in range(12)]
    np.testing.assert_allclose(seen, expected)


def test_a_long_cosine_warms_up():
    seen = rates(trainer(learning_rate_init=0.01, max_iter=20))  # 60 steps, of which 3 rise
    assert seen[:4] == pytest.approx([0.0025, 0.005, 0.0075, 0.01])
    assert np.argmax(seen) == 3 and seen[-1] < 1e-4
    assert (np.diff(seen[3:]) < 0).all()


def test_the_encoder_has_its_share_of_the_rate_and_norms_do_not_decay():
    made = trainer(learning_rate_init=0.01, encoder_learning_rate_ratio=0.1, weight_decay=0.3)
    groups = {
        id(p): (group["lr"], group["weight_decay"])
        for group in made.optimizer.param_groups
        for p in group["params"]
    }
    for name, parameter in made.network.named_parameters():
        rate = 0.001 if name.startswith("encoder") else 0.01
        assert groups[id(parameter)] == pytest.approx((rate, 0.3 if parameter.ndim > 1 else 0.0))


def test_a_frozen_encoder_is_in_no_group():
    made = trainer(freeze_encoder=True)
    grouped = {id(p) for group in made.optimizer.param_groups for p in group["params"]}
    assert not grouped & {id(p) for p in made.network.encoder.parameters()}
    before = [p.clone() for p in made.network.encoder.parameters()]
    run(made)
    assert all(torch.equal(p, b) for p, b in zip(made.network.encoder.parameters(), before, strict=True))


# -------------------------------------------------------------------- stopping


def stale_as_mlp(values, tol, n_iter_no_change, early_stopping) -> int | None:
    """The epoch after which scikit-learn's MLP stops, by its own rule."""
    best, count = (-math.inf if early_stopping else math.inf), 0
    for epoch, value in enumerate(values, 1):
        if early_stopping:
            count = count + 1 if value < best + tol else 0
            best = max(best, value)
        else:
            count = count + 1 if value > best - tol else 0
            best = min(best, value)
        if count > n_iter_no_change:
            return epoch
    return None


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("tol", [0.0, 0.05])
def test_stopping_is_that_of_mlp(early_stopping, tol):
    rng = np.random.default_rng(0)
    stopped = 0
    for _ in range(50):
        values = np.cumsum(rng.normal(scale=0.05, size=40) + (0.01 if early_stopping else -0.01)).tolist()
        n_iter_no_change = int(rng.integers(1, 6))
        settings = Settings(
            40,
            1,
            learning_rate="constant",
            early_stopping=early_stopping,
            tol=tol,
            n_iter_no_change=n_iter_no_change,
        )
        ours = None
        for epoch in range(1, 41):
            history = History(values[:epoch], values[:epoch] if early_stopping else [])
            if ours is None and history.stale(settings):
                ours = epoch
        assert ours == stale_as_mlp(values, tol, n_iter_no_change, early_stopping)
        stopped += ours is not None
    assert stopped > 5


def test_a_cosine_does_not_stop_on_the_loss_but_on_scores_it_does():
    flat = History([1.0] * 30)
    assert not flat.stale(Settings(40, 1, learning_rate="cosine", n_iter_no_change=2))
    assert flat.stale(Settings(40, 1, learning_rate="constant", n_iter_no_change=2))
    scored = History([1.0] * 30, [20.0] * 30)
    assert scored.stale(Settings(40, 1, learning_rate="cosine", n_iter_no_change=2, early_stopping=True))


def test_the_weights_of_the_best_epoch_come_back():
    scores, states = iter([10.0, 30.0, 20.0, 5.0]), []

    def validate(network):
        assert not network.training
        states.append({name: value.clone() for name, value in network.state_dict().items()})
        return next(scores)

    made = run(trainer(validate=validate, early_stopping=True, n_iter_no_change=9))
    assert made.history.scores == [10.0, 30.0, 20.0, 5.0]
    made.restore_best()
    state = made.network.state_dict()
    assert all(torch.equal(state[name], states[1][name]) for name in state)
    assert any(not torch.equal(state[name], states[3][name]) for name in state)


def test_a_loss_of_nan_is_an_error():
    with pytest.raises(
        ValueError, match=r"the loss became nan in epoch 1: lower learning_rate_init \(now 0.001\)"
    ):
        trainer(loss=lambda outputs, target, rows: outputs["ab"].mean() * math.nan).run_epoch()


def test_too_little_memory_names_the_parameters():
    def greedy(outputs, target, rows):
        raise torch.OutOfMemoryError("CUDA out of memory")  # which can't be had here for real

    with pytest.raises(MemoryError, match="step of 2 photos: lower batch_size or image_size"):
        Trainer(Toy(), greedy, batches(), Settings(1, 2)).run_epoch()


def test_the_loss_of_an_epoch_is_the_mean_over_photos():
    made = trainer(loss=lambda outputs, target, rows: outputs["ab"].sum() * 0 + len(target), batch_size=2)
    made.run_epoch()  # three batches, the last one of a single photo
    assert made.history.losses == [pytest.approx((2 * 2 + 2 * 2 + 1 * 1) / 5)]


def test_batches_of_other_sizes_see_every_photo_once():
    seen = []

    class Spy(PhotoBatches):
        def batch(self, positions, epoch):
            seen.append((epoch, *positions))
            return super().batch(positions, epoch)

    spied = Spy(PHOTOS, range(5), (32, 32), False, 0, CPU)
    run(Trainer(Toy(), squared, spied, Settings(max_iter=2, batch_size=2)))
    for epoch in (0, 1):
        photos = [p for e, *positions in seen if e == epoch for p in positions]
        assert sorted(photos) == list(range(5))
    assert seen[:3] != [(0, *positions) for _, *positions in seen[3:]]  # another order


def test_the_next_batch_is_made_while_the_network_learns_from_one():
    wanted, made = [], [threading.Event() for _ in range(3)]

    class Spy(PhotoBatches):
        def batch(self, positions, epoch):
            wanted.append(len(positions))
            made[len(wanted) - 1].set()
            return super().batch(positions, epoch)

    def loss(outputs, target, rows):
        assert made[min(len(waited) + 1, 2)].wait(60)  # comes although this step is not over
        waited.append(len(target))
        return squared(outputs, target, rows)

    waited: list[int] = []
    spied = Spy(PHOTOS, range(5), (32, 32), False, 0, CPU)
    ahead = run(Trainer(Toy(), loss, spied, Settings(max_iter=1, batch_size=2)))
    assert wanted == waited == [2, 2, 1]
    plain = run(trainer(max_iter=1)).network.state_dict()
    assert all(torch.equal(value, plain[name]) for name, value in ahead.network.state_dict().items())


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_a_step_does_without_a_share_of_the_deepest_channels(share):
    made, seen = trainer(map_dropout=share, batch_size=5), []
    decode = made.network.decode

    def spy(maps, rows):
        seen.append((maps[-1] == 0).all(-1).all(-1))
        return decode(maps, rows)

    made.network.decode = spy
    for _ in range(4):
        made.run_epoch()
    dropped = torch.cat(seen).float()  # 20 photos of 4 channels
    assert dropped.mean() == 0 if share == 0 else 0.3 < dropped.mean() < 0.7
    assert len(dropped.unique(dim=0)) > 4 or share == 0


def test_a_step_learns_from_other_rows_than_the_one_before():
    seen = []

    def spy(outputs, target, rows):
        seen.append((rows.start, rows.step))
        return squared(outputs, target, rows)

    run(trainer(loss=spy, max_iter=1, row_step=2))
    assert seen == [(0, 2), (1, 2), (0, 2)]
    assert trainer().settings.row_step == 1


# ----------------------------------------------------------------------- norms


def test_norms_learn_only_where_they_may():
    for encoder, decoder in ((True, True), (False, True), (False, False)):
        made = trainer(encoder_norms_learn=encoder, decoder_norms_learn=decoder)
        run(made)
        for part, learns in (("encoder", encoder), ("decoder", decoder)):
            mean = getattr(made.network, part)[1].running_mean
            assert bool((mean != 0).any()) == learns


def test_norms_are_estimated_anew_on_the_photos():
    network = Toy().eval()
    with torch.no_grad():
        network.decoder[1].running_mean.fill_(99)
        x, _ = batches().batch(np.arange(5), 0)
        before = network.decoder[0](network.encoder(x))
    refresh_norms(network, batches(), batch_size=5)
    norm = network.decoder[1]
    torch.testing.assert_close(norm.running_mean, before.mean((0, 2, 3)))
    torch.testing.assert_close(norm.running_var, before.var((0, 2, 3)))
    assert norm.momentum == 0.1 and not norm.training
    assert (network.encoder[1].running_mean == 0).all()  # not asked for


def test_one_photo_has_no_statistics_to_estimate():
    network = Toy()
    refresh_norms(network, batches(PHOTOS[:1]), batch_size=5)
    assert (network.decoder[1].running_mean == 0).all()
