"""The estimator: arguments in, calls out, attributes set."""

from __future__ import annotations

import contextlib
import copy
import os
from collections.abc import Iterator
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
import torch
from joblib import effective_n_jobs
from numpy.typing import ArrayLike
from PIL import Image
from sklearn.exceptions import NotFittedError
from sklearn.utils import check_random_state

from . import _base as rules
from ._base import BasePhotoEstimator, Interval, Options, available_if, fit_task, with_callbacks
from .images.decode import Photo, PhotoError, gray_levels, is_gray, read_photo
from .images.forms import PhotoLike, Photos, PhotosLike, check_photos
from .images.storage import is_remote
from .inference.decoding import Decoding
from .inference.devices import memory_told, resolve_device, resolve_precision
from .inference.predict import (
    Session,
    forget_session,
    session_of,
    working_size,
)
from .inference.threads import ordered_map
from .inference.view import View
from .inference.windows import map_views
from .metrics import peak_signal_noise_ratio, squash256
from .networks import ColorizationNetwork
from .training.cache import cache_photos, report_skipped, warn_if_tinted, warn_skipped
from .training.checkpoint import Checkpoint, fingerprint
from .training.distributed import World, local_device
from .training.loop import FRESH_RATE, TUNING_RATE, Settings
from .training.run import Run
from .training.start import (
    Start,
    embedded_path,
    packed,
    read_weights,
    starting_point,
    unpacked,
    write_weights,
)

#: Parameters that say where and how loudly work is done, not what is learned.
_CIRCUMSTANCES = ("checkpoint", "device", "n_jobs", "verbose")


class SkippedImage(NamedTuple):
    """A training photo that was left out."""

    position: int
    name: str
    reason: str


def _has_distribution(estimator: Colorizer) -> bool:
    """Whether the fitted head, or before fit the parameter, gives a distribution over colours."""
    if hasattr(estimator, "module_"):
        return estimator._decoding.bins is not None
    return estimator.loss == "log_loss"


class Colorizer(BasePhotoEstimator):
    """Colours black-and-white photos with a transfer-learning encoder-decoder.

    An ImageNet encoder sees the lightness L of a photo, a light decoder predicts the a and b channels of
    CIELAB for each cell of 4 x 4 pixels, and the photo gets its colours at full size with its own lightness.

    A photo is a path (str or PathLike, or an address such as ``s3://...``), the bytes of a file, a PIL
    image, or an array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) of uint8, uint16, bool, or floats in [0, 1],
    in sRGB. Photos (`X`) are a list, tuple, 1-D object or string array, pandas Series, or a stack (N, H, W[,
    channels]). A numeric stack in gives a stack out, one photo gives one, everything else a 1-D object array.

    Parameters
    ----------
    encoder : str, default="mobilenet_v2"
        Encoder, by torchvision's name: the VGG, ResNet, MobileNet, EfficientNet, ConvNeXt, RegNet, DenseNet
        and SqueezeNet families.
    decoder : {"unet", "plain"}, default="unet"
        "unet" joins the encoder's maps at strides 4 to 32; "plain" is a stack of convolutions and nearest
        upsampling on the deepest map alone.
    loss : {"log_loss", "squared_error"}, default="log_loss"
        "log_loss" learns a distribution over bins of the ab plane [1]_: its cross-entropy, plus the mean over
        photos of log(1 + squared error / 4e-4) in sRGB. "squared_error" learns ab itself.
    weights : {"auto", "embedded", "imagenet"}, path or None, default="auto"
        What fit starts from. "embedded": the colouriser inside this package; "imagenet": torchvision's
        download; None: random; a path: an ``.npz`` of `save_weights` or a torchvision ``.pth`` of the
        encoder. "auto" is "embedded" with the default encoder and decoder, else "imagenet".
    vividness : float, default=1.0
        Strength of colours in predictions, 0 or more: 0 gives the most accurate ones (best PSNR), 1 photos as
        colourful as real ones on average. Acts on a fitted model at once.
    image_size : int or (int, int), default=256
        Working size of the network in pixels: photos are shown to it at an area of about `image_size`
        squared, each side a multiple of 32; a pair (height, width), multiples of 32, squeezes every photo to
        exactly that.
    max_iter : int, default=20
        Epochs.
    batch_size : int, default=16
        Photos a step; at most the number of photos is used.
    learning_rate : {"cosine", "constant"}, default="cosine"
        Schedule of the learning rate: down to 0 along a cosine, after a short warm-up, or constant.
    learning_rate_init : float or "auto", default="auto"
        Initial learning rate of AdamW. "auto" is 5e-4 from weights that know colours already, else 1e-3.
    encoder_learning_rate_ratio : float, default=0.2
        Learning rate of a pretrained encoder over that of the rest.
    weight_decay : float, default=1e-2
        Weight decay of AdamW; norms and biases have none.
    freeze_encoder : bool or "auto", default="auto"
        Whether the encoder is left as it is. "auto": True for ImageNet weights, else False.
    augment : bool or "flip", default=True
        True: random crops of any shape, flips, exposures and changes of lightness; "flip": the centre,
        flipped or not; False: the centre.
    early_stopping : bool, default=False
        Whether a part of the photos is held out, and fit stops when its score no longer improves; the
        weights of the best epoch are kept.
    validation_fraction : float, default=0.1
        Share of the photos held out with `early_stopping`.
    n_iter_no_change : int, default=5
        Epochs without an improvement of `tol` after which fit stops: of the validation score with
        `early_stopping`, else of the loss with a constant learning rate. A cosine runs to its end.
    tol : float, default=1e-4
        Smallest improvement that counts, of the loss or of the PSNR in dB.
    warm_start : bool, default=False
        Whether fit goes on from the weights of the last fit.
    checkpoint : path or None, default=None
        Folder in which a running fit keeps one file, written whole each epoch. An interrupted fit that is
        called again with the same parameters and photos goes on from it; a fit that ends removes it.
    device : str, default="auto"
        A PyTorch device; "auto" is "cuda" where there is one, else "cpu". Acts on a fitted model at once.
    precision : {"auto", "float32", "bfloat16", "float16"}, default="auto"
        "auto" learns in bfloat16 where the device is fast in it and predicts in float32.
    n_jobs : int or None, default=None
        Threads that decode and render photos; None is 1 unless in a ``joblib.parallel_config``, -1 all cores.
    random_state : int, RandomState instance or None, default=None
        Determines initial weights, order, crops and the held-out part. An int gives the same weights on one
        machine's CPU: bit for bit on one thread of PyTorch's, on several but for the last bits.
    verbose : bool, default=False
        Whether fit prints a line for each epoch.

    Attributes
    ----------
    module_ : torch.nn.Module
        The network, in eval mode.
    ab_bins_ : ndarray of shape (n_bins, 2)
        Centres of the bins in Lab units; only with ``loss="log_loss"``.
    n_iter_ : int
        Epochs that were run.
    loss_curve_ : list of float
        Mean training loss of each epoch.
    best_loss_ : float or None
        Smallest of them; None with early stopping.
    validation_scores_ : list of float or None
        PSNR in dB of the held-out photos at working size and vividness 0, one an epoch; None without early
        stopping.
    best_validation_score_ : float or None
        Greatest of them.
    skipped_images_ : list of (position, name, reason)
        Training photos that were broken, missing or gray.

    See Also
    --------
    skcolorize.preprocessing.LabToRGB : Turns what `transform` gives into sRGB.
    skcolorize.metrics.evaluate : Quality beside the gray baseline.

    References
    ----------
    .. [1] R. Zhang, P. Isola, A. Efros, "Colorful image colorization", ECCV 2016.

    Examples
    --------
    >>> from skcolorize import Colorizer
    >>> from skcolorize.datasets import load_example_images
    >>> photos = load_example_images().images
    >>> colorizer = Colorizer("squeezenet1_1", weights=None, image_size=32, max_iter=1, random_state=0)
    >>> colorizer.fit(photos[:2]).predict(photos[2].mean(axis=2).astype("uint8")).shape == photos[2].shape
    True
    """

    _parameter_rules = {
        "encoder": (rules.STRING,),
        "decoder": (Options(("unet", "plain")),),
        "loss": (Options(("log_loss", "squared_error")),),
        "weights": (Options(("auto", "embedded", "imagenet")), rules.PATH, rules.NONE),
        "vividness": (rules.NOT_NEGATIVE,),
        "image_size": (
            Interval(Integral, 32),
            rules.Check(
                lambda v: (
                    isinstance(v, tuple)
                    and len(v) == 2
                    and all(Interval(Integral, 32).accepts(s) and s % 32 == 0 for s in v)
                ),
                "a pair of multiples of 32",
            ),
        ),
        "max_iter": (Interval(Integral, 1),),
        "batch_size": (Interval(Integral, 1),),
        "learning_rate": (Options(("cosine", "constant")),),
        "learning_rate_init": (Options(("auto",)), rules.POSITIVE),
        "encoder_learning_rate_ratio": (rules.NOT_NEGATIVE,),
        "weight_decay": (rules.NOT_NEGATIVE,),
        "freeze_encoder": (rules.BOOLEAN, Options(("auto",))),
        "augment": (rules.BOOLEAN, Options(("flip",))),
        "early_stopping": (rules.BOOLEAN,),
        "validation_fraction": (Interval(Real, 0, 1, open_low=True, open_high=True),),
        "n_iter_no_change": (Interval(Integral, 1),),
        "tol": (rules.NOT_NEGATIVE,),
        "warm_start": (rules.BOOLEAN,),
        "checkpoint": (
            rules.Check(lambda v: rules.PATH.accepts(v) and not is_remote(v), "the path of a local folder"),
            rules.NONE,
        ),
        "device": (
            rules.Check(lambda v: isinstance(v, (str, torch.device)), "'auto' or a device of PyTorch"),
        ),
        "precision": (Options(("auto", "float32", "bfloat16", "float16")),),
        "n_jobs": (rules.N_JOBS,),
        "random_state": (rules.RANDOM_STATE,),
        "verbose": (rules.BOOLEAN,),
    }

    if TYPE_CHECKING:  # what fit sets
        module_: ColorizationNetwork
        ab_bins_: np.ndarray
        n_iter_: int
        loss_curve_: list[float]
        best_loss_: float | None
        validation_scores_: list[float] | None
        best_validation_score_: float | None
        skipped_images_: list[SkippedImage]
        _decoding: Decoding
        _origin: str

    def __init__(
        self,
        encoder: str = "mobilenet_v2",
        *,
        decoder: str = "unet",
        loss: str = "log_loss",
        weights: str | os.PathLike | None = "auto",
        vividness: float = 1.0,
        image_size: int | tuple[int, int] = 256,
        max_iter: int = 20,
        batch_size: int = 16,
        learning_rate: str = "cosine",
        learning_rate_init: float | str = "auto",
        encoder_learning_rate_ratio: float = 0.2,
        weight_decay: float = 1e-2,
        freeze_encoder: bool | str = "auto",
        augment: bool | str = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 5,
        tol: float = 1e-4,
        warm_start: bool = False,
        checkpoint: str | os.PathLike | None = None,
        device: str = "auto",
        precision: str = "auto",
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: bool = False,
    ):
        self.encoder = encoder
        self.decoder = decoder
        self.loss = loss
        self.weights = weights
        self.vividness = vividness
        self.image_size = image_size
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.encoder_learning_rate_ratio = encoder_learning_rate_ratio
        self.weight_decay = weight_decay
        self.freeze_encoder = freeze_encoder
        self.augment = augment
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.warm_start = warm_start
        self.checkpoint = checkpoint
        self.device = device
        self.precision = precision
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    # ---------------------------------------------------------------- learning

    @with_callbacks
    @torch.inference_mode(False)
    def fit(self, X: PhotosLike, y: PhotosLike | None = None) -> Self:
        """Learn colours from photos.

        Parameters
        ----------
        X : photos
            Colour photos; or, with y, gray or degraded ones. A single photo is refused: put it in a list.
        y : photos or None, default=None
            Colour targets, as many as `X`, each of the same aspect as its photo within 2 %.

        Returns
        -------
        self : Colorizer
            The fitted estimator.

        Raises
        ------
        ValueError
            Where a parameter is wrong, no photo is usable, or weights and network do not belong together.
        OSError
            Where ImageNet weights are asked for and can't be downloaded.

        Warns
        -----
        UserWarning
            Where photos were skipped (broken, missing or gray), or all have one hue.
        """
        self._check_parameters()
        photos, targets = self._check_training_photos(X, y, "fit")
        goes_on = self.warm_start and hasattr(self, "module_")
        world = World(local_device(resolve_device(self.device)))
        with (
            self._held_checkpoint(photos, targets, goes_on, world) as checkpoint,
            memory_told(world.device, "this fit", "lower image_size or batch_size"),
        ):
            saved = world.agreed(checkpoint.load() if checkpoint else None)
            seed = saved["seed"] if saved else world.agreed(self._draw_seed())
            run = self._begin(
                photos, targets, seed, goes_on, world, max_iter=self.max_iter, anchored=not goes_on
            )
            if saved:
                run.load_state_dict(saved["run"])
            earlier = (self.n_iter_, self.loss_curve_, self.validation_scores_) if goes_on else (0, [], [])
            with fit_task(self, X, y, n_epochs=self.max_iter - run.trainer.epoch) as task:
                while not run.finished:
                    _, stop = task.epoch(run.trainer.run_epoch, lambda: self._learned(run, earlier))
                    if self.verbose and world.leads:
                        print(run.report(), flush=True)
                    if checkpoint:
                        checkpoint.save({"seed": seed, "run": run.state_dict()})
                    if world.agreed(stop):
                        break
            run.finish()
            self._take(self._learned(run, earlier))
            if checkpoint:
                checkpoint.remove()
        return self

    @torch.inference_mode(False)
    def partial_fit(self, X: PhotosLike, y: PhotosLike | None = None) -> Self:
        """One pass over photos at the constant rate `learning_rate_init`.

        The moments of AdamW live on from call to call, but are not saved with the estimator.

        Parameters
        ----------
        X : photos
            As in `fit`.
        y : photos or None, default=None
            As in `fit`.

        Returns
        -------
        self : Colorizer
            The estimator after one more epoch.

        Raises
        ------
        ValueError
            With ``early_stopping=True``, and where `fit` raises.
        """
        self._check_parameters()
        if self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True")
        photos, targets = self._check_training_photos(X, y, "partial_fit")
        goes_on = hasattr(self, "module_")
        earlier = (self.n_iter_, self.loss_curve_, None) if goes_on else (0, [], None)
        world = World(local_device(resolve_device(self.device)))
        schedule = {"max_iter": 1, "learning_rate": "constant"}
        with memory_told(world.device, "this fit", "lower image_size or batch_size"):
            run = self._begin(photos, targets, world.agreed(self._draw_seed()), goes_on, world, **schedule)
            if goes_on and (moments := self.__dict__.get("_moments")):
                run.trainer.take_moments(moments)
            run.trainer.epoch = earlier[0]  # new crops at each call
            run.trainer.run_epoch()
            run.finish()
        self._take({**self._learned(run, earlier), "_moments": run.trainer.optimizer.state_dict()})
        return self

    def _take(self, learned: dict[str, Any]) -> None:
        """Set what was learned; what only the last fit had is forgotten."""
        for name in ("ab_bins_", "_moments"):
            self.__dict__.pop(name, None)
        self.__dict__.update(learned)

    def _check_training_photos(self, X, y, method: str) -> tuple[Photos, Photos | None]:
        photos = check_photos(X, single=False, method=method)
        targets = None if y is None else check_photos(y, single=False, method=method)
        if targets is not None and len(targets) != len(photos):
            raise ValueError(
                f"X has {len(photos)} photos and y has {len(targets)}: give one target for each photo"
            )
        return photos, targets

    def _held_checkpoint(self, photos, targets, goes_on: bool, world: World):
        if self.checkpoint is None or not world.leads:
            return contextlib.nullcontext()
        names = {k: v for k, v in self.get_params(deep=False).items() if k not in _CIRCUMSTANCES}
        if goes_on:
            names["loss_curve_"] = self.loss_curve_  # which tells its weights from those of other fits
        return Checkpoint(self.checkpoint, fingerprint(names, photos, targets)).held()

    def _draw_seed(self) -> int:
        return int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))

    def _begin(
        self, photos: Photos, targets: Photos | None, seed: int, goes_on: bool, world: World, **schedule
    ):
        """Decode the photos and make ready to train."""
        start = self._start(seed, goes_on)
        cache = cache_photos(photos, photos.name, targets, self.image_size, world=world, n_jobs=self.n_jobs)
        self.skipped_images_ = [SkippedImage(*skipped) for skipped in cache.skipped]
        if world.leads or not len(cache):  # of several processes one warns, and all stop
            report_skipped(cache, len(photos), with_targets=targets is not None)
            warn_if_tinted(cache)
        frozen = start.origin == "imagenet" if self.freeze_encoder == "auto" else bool(self.freeze_encoder)
        rate = self.learning_rate_init
        if isinstance(rate, str):  # "auto"
            rate = TUNING_RATE if start.origin == "colorizer" and not start.new_head else FRESH_RATE
        settings = Settings(
            batch_size=self.batch_size,
            learning_rate_init=rate,
            encoder_learning_rate_ratio=1.0 if start.origin == "random" else self.encoder_learning_rate_ratio,
            weight_decay=self.weight_decay,
            freeze_encoder=frozen,
            early_stopping=self.early_stopping,
            n_iter_no_change=self.n_iter_no_change,
            tol=self.tol,
            precision=resolve_precision(self.precision, world.device, learning=True),
            seed=seed,
            **{"learning_rate": self.learning_rate, **schedule},
        )
        size = working_size(1, 1, self.image_size)
        augment = bool(self.augment) if self.augment != "flip" else "flip"
        return Run(start, cache, settings, size, augment, self.validation_fraction, world.device)

    def _start(self, seed: int, goes_on: bool) -> Start:
        if not goes_on:
            return starting_point(self.encoder, self.decoder, self.loss, self.weights, seed)
        ours, wanted = self.module_.config, (self.encoder, self.decoder, self.loss)
        if (ours["encoder"], ours["decoder"], ours["loss"]) != wanted:
            raise ValueError(
                "encoder, decoder or loss changed since the last fit: the weights can't be gone on from. "
                "Fit a clone, or set warm_start=False."
            )
        return Start(
            copy.deepcopy(self.module_), self._decoding, self._origin, new_head=self._origin != "colorizer"
        )

    def _learned(self, run: Run, earlier: tuple) -> dict[str, Any]:
        """Fitted attributes as they are after the last epoch of a run."""
        n_iter, losses, scores = earlier
        run.network.eval()
        losses = losses + run.history.losses
        scores = (scores or []) + run.history.scores if self.early_stopping else None
        learned = {
            "n_iter_": n_iter + len(run.history.losses),
            "loss_curve_": losses,
            "best_loss_": None if self.early_stopping else min(losses),
            "validation_scores_": scores,
            "best_validation_score_": max(scores) if scores else None,
        }
        return {**learned, **_fitted(run.network, run.decoding, run.start.origin)}

    # -------------------------------------------------------------- predicting

    def predict(self, X: PhotoLike | PhotosLike) -> np.ndarray:
        """Colour photos.

        Only the lightness of `X` is looked at: the gray of a colour photo gives the same picture.

        Parameters
        ----------
        X : photos or a single photo
            Gray or colour; alpha is laid aside and given back.

        Returns
        -------
        photos : ndarray or object array of ndarray
            sRGB uint8, each photo (H, W, 3) at its own size, (H, W, 4) where it has alpha.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            Where a photo can't be read; the message names it.
        """
        photos = self._check_photos(X, "predict")
        return photos.collect(self._map(photos, self._predict_one))

    def predict_iter(self, X: PhotoLike | PhotosLike) -> Iterator[np.ndarray]:
        """Colour photos one at a time, in order and in flat memory.

        Parameters
        ----------
        X : photos or a single photo
            As in `predict`.

        Returns
        -------
        photos : iterator of ndarray
            What `predict` collects.
        """
        photos = self._check_photos(X, "predict_iter")
        return self._map(photos, self._predict_one)

    def transform(self, X: PhotoLike | PhotosLike) -> np.ndarray:
        """CIELAB of the coloured photos.

        Parameters
        ----------
        X : photos or a single photo
            As in `predict`.

        Returns
        -------
        lab : ndarray or object array of ndarray
            float32 (H, W, 3): the photo's own L in 0..100, predicted a and b in Lab units. Without alpha.
            Back in sRGB it is the picture of `predict` within one level; from a megapixel on, where `predict`
            rounds a and b, in 99.5 % of the levels of a gray photo, and in about 99 % of those of a colour
            photo, whose L it rounds to 8 bits as well.
        """
        photos = self._check_photos(X, "transform")

        return photos.collect(self._map(photos, lambda photo, view, n_jobs: view.lab(self.vividness, n_jobs)))

    @available_if(_has_distribution)
    def predict_confidence(self, X: PhotoLike | PhotosLike) -> np.ndarray:
        """How sure the colours are.

        Parameters
        ----------
        X : photos or a single photo
            As in `predict`.

        Returns
        -------
        confidence : ndarray or object array of ndarray
            float32 (H, W) in 0..1 for each photo: 1 - H / log(n_bins), H the entropy of the learned
            distribution over the bins of the ab plane, before temperature and vividness.
        """
        photos = self._check_photos(X, "predict_confidence")

        return photos.collect(self._map(photos, lambda photo, view, n_jobs: view.confidence(), colors=False))

    @available_if(_has_distribution)
    def sample_y(
        self,
        X: PhotoLike | PhotosLike,
        n_samples: int = 3,
        random_state: int | np.random.RandomState | None = None,
    ) -> np.ndarray:
        """Coherent alternatives for the colours of photos.

        Parameters
        ----------
        X : photos or a single photo
            As in `predict`.
        n_samples : int, default=3
            Alternatives for each photo.
        random_state : int, RandomState instance or None, default=None
            Determines the alternatives.

        Returns
        -------
        samples : ndarray or object array of ndarray
            sRGB uint8 (n_samples, H, W, 3) for each photo. Without alpha.
        """
        rules.check_parameters("sample_y", {"n_samples": (Interval(Integral, 1),)}, {"n_samples": n_samples})
        photos = self._check_photos(X, "sample_y")
        seed = int(check_random_state(random_state).randint(np.iinfo(np.int32).max))

        def samples(photo: Photo, view: View, n_jobs):
            return view.samples(self.vividness, n_samples, seed, n_jobs)

        return photos.collect(self._map(photos, samples, colors=False))

    def score(
        self, X: PhotosLike, y: PhotosLike | None = None, sample_weight: ArrayLike | None = None
    ) -> float:
        """Mean PSNR in dB of the predicted colours of photos.

        Each photo is squashed to 256 x 256 pixels and its gray coloured (protocol "squash256"). PSNR prefers
        dull colours: a gray copy scores well, and vividness 0 better than 1. Read it beside the gray baseline
        of :func:`skcolorize.metrics.evaluate`.

        Parameters
        ----------
        X : photos
            Colour photos, or with `y` gray ones. Gray or broken ones are skipped with a warning.
        y : photos or None, default=None
            True colours; `X`'s own where None.
        sample_weight : array-like of shape (n_photos,) or None, default=None
            Weights of the photos.

        Returns
        -------
        score : float
            In dB; greater is better.

        Raises
        ------
        ValueError
            Where no photo can be scored, or the weights of those that can sum to 0.
        """
        self._check_fitted("score")
        self._check_parameters()
        photos, targets = self._check_training_photos(X, y, "score")
        weights = np.ones(len(photos)) if sample_weight is None else np.asarray(sample_weight, dtype=float)
        if weights.shape != (len(photos),):
            raise ValueError(
                f"sample_weight has shape {weights.shape}: give one weight for each of {len(photos)} photos"
            )

        def scored(numbered):
            i, (item, target) = numbered
            try:
                true = read_photo(target, name=photos.name(i)).pixels
                if is_gray(true):
                    raise PhotoError(f"{photos.name(i)} is gray: it has no colours to compare with")
                shown = true if targets is None else read_photo(item, name=photos.name(i)).pixels
            except PhotoError as error:
                return error
            true = squash256(true)
            gray = gray_levels(true if targets is None else squash256(shown))
            predicted = self._view(Photo(gray, None, photos.name(i)), session).rgb(self.vividness)
            return peak_signal_noise_ratio(true, predicted)

        session = self._session()
        pairs = enumerate(zip(photos, targets or photos, strict=True))
        scores, kept, reasons = [], [], []
        for weight, score in zip(weights, ordered_map(scored, pairs, self.n_jobs), strict=True):
            if isinstance(score, PhotoError):
                reasons.append(str(score))
            else:
                scores.append(score)
                kept.append(weight)
        if reasons:
            warn_skipped("score", reasons, len(photos))
        if not scores:
            raise ValueError(f"no photo could be scored: {reasons[0]}")
        if not sum(kept):
            raise ValueError(f"sample_weight sums to 0 over the {len(kept)} photos that can be scored")
        return float(np.average(scores, weights=kept))

    def _check_fitted(self, method: str) -> None:
        if not hasattr(self, "module_"):
            raise NotFittedError(
                f"This Colorizer is not fitted yet: call fit before {method}, or take a fitted one from "
                "Colorizer.from_pretrained()."
            )

    def _check_photos(self, X, method: str) -> Photos:
        self._check_fitted(method)
        self._check_parameters()
        return check_photos(X, single=True, method=method)

    def _map(self, photos: Photos, work, *, colors: bool = True) -> Iterator[np.ndarray]:
        """``work(photo, view, n_jobs)`` for each photo; ``colors=False`` where it asks the network for more.

        Several share the threads, one has them for its strips.
        """
        n_jobs, n_strips = self.n_jobs, 1
        if len(photos) == 1:
            n_jobs, n_strips = 1, effective_n_jobs(self.n_jobs)
        session = self._session()

        def read(numbered):
            photo = read_photo(numbered[1], name=photos.name(numbered[0]))
            return photo, self._view(photo, session)

        def decode(view):
            view.decode(self.vividness)

        def worked(pair):
            return work(*pair, n_strips)

        return map_views(session, read, worked, enumerate(photos), n_jobs, decode if colors else None)

    def _predict_one(self, photo: Photo, view: View, n_jobs) -> np.ndarray:
        return photo.with_alpha(view.rgb(self.vividness, n_jobs))

    def _predict_image(self, photo: Photo) -> Image.Image:
        """What `predict` gives, without alpha, as an image that is saved without a copy of its pixels."""
        return self._view(photo, self._session()).image(self.vividness, self.n_jobs)

    def _view(self, photo: Photo, session: Session) -> View:
        decoding = self._decoding.to(session.device)
        return View(session, decoding, photo.pixels, gray_levels(photo.pixels), self.image_size)

    def _session(self) -> Session:
        device = resolve_device(self.device)
        return session_of(self.module_, device, resolve_precision(self.precision, device, learning=False))

    # ------------------------------------------------------------------ saving

    @classmethod
    def from_pretrained(
        cls, path: str | os.PathLike | None = None, *, storage_options: dict | None = None, **params: Any
    ) -> Self:
        """A fitted Colorizer from a weights file.

        Parameters
        ----------
        path : path or None, default=None
            An ``.npz`` of `save_weights`, local or an address; None takes those embedded in the package.
        storage_options : dict or None, default=None
            Handed to fsspec for an address.
        **params : dict
            Parameters of the Colorizer that differ from those it was saved with.

        Returns
        -------
        colorizer : Colorizer
            Fitted; its ``weights`` parameter is the path: ``clone(colorizer).fit(X)`` goes on from it, an
            address being read without `storage_options`.

        Raises
        ------
        ValueError
            Where the file is cut short, altered, or written by a newer version.
        """
        start = read_weights(embedded_path() if path is None else path, storage_options)
        saved = {k: tuple(v) if isinstance(v, list) else v for k, v in (start.params or {}).items()}
        known = {k: v for k, v in saved.items() if k in cls._parameter_rules}
        own = {name: start.network.config[name] for name in ("encoder", "decoder", "loss")}
        for name, value in own.items():
            if params.get(name, value) != value:
                raise ValueError(
                    f"{name}={params[name]!r}, but the weights were trained with {name}={value!r}"
                )
        colorizer = cls(**{**known, **own, "weights": "auto" if path is None else path, **params})
        colorizer._check_parameters()
        fitted = _fitted(start.network, start.decoding, "colorizer")
        history = {"n_iter_": 0, "loss_curve_": [], "best_loss_": None}
        scores = {"validation_scores_": None, "best_validation_score_": None}
        colorizer.__dict__.update(fitted, **history, **scores, skipped_images_=[])
        return colorizer

    def save_weights(self, path: str | os.PathLike, *, storage_options: dict | None = None) -> None:
        """Write network, calibration and parameters to one ``.npz`` that holds no code.

        Parameters
        ----------
        path : path
            Local or an address; written whole or not at all.
        storage_options : dict or None, default=None
            Handed to fsspec for an address.
        """
        self._check_fitted("save_weights")
        left_out = {*_CIRCUMSTANCES, "weights", "random_state", "warm_start"}
        params = {k: v for k, v in self.get_params(deep=False).items() if k not in left_out}
        write_weights(path, self.module_, self._decoding, params, storage_options=storage_options)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "module_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags

    def __getstate__(self) -> dict:
        # A torch module pickled as it is does not load from cuda on a machine without it.
        state = super().__getstate__()
        state.pop("_moments", None)
        if "module_" in state:
            state["module_"] = packed(self.module_, state.pop("_decoding"))
        return state

    def __setstate__(self, state: dict) -> None:
        if "module_" in state:
            network, decoding = unpacked(*state["module_"])
            state = {**state, "module_": network, "_decoding": decoding}
        super().__setstate__(state)

    def __copy__(self) -> Self:
        # scikit-learn copies the estimator for each callback hook that wants a fitted one; the default would
        # go through __getstate__ and build the network anew every epoch.
        twin = type(self).__new__(type(self))
        twin.__dict__.update(self.__dict__)
        return twin


def _fitted(network, decoding: Decoding, origin: str) -> dict[str, Any]:
    """Attributes that predictions need."""
    forget_session(network)
    fitted = {"module_": network, "_decoding": decoding, "_origin": origin}
    if decoding.bins is not None:
        fitted["ab_bins_"] = decoding.bins.cpu().numpy()
    return fitted
