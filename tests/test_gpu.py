"""What only a GPU shows. Without one these tests are skipped, and say so; the same code runs on a CPU in
training/test_uploading.py and inference/test_batches.py.
"""

import numpy as np
import pytest
import torch
from small import made_up_photos, small

from skcolorize.training.uploading import UploadedPhotos

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(
        not torch.cuda.is_available(), reason="needs a CUDA device: the GPU code is not run here"
    ),
]
FROZEN = {"freeze_encoder": True, "augment": "flip"}
PHOTOS = list(made_up_photos(8, 72, 96))


def test_a_fit_learns_what_it_learns_on_a_cpu():
    on_gpu, on_cpu = (small(image_size=64, device=device).fit(PHOTOS) for device in ("cuda", "cpu"))
    np.testing.assert_allclose(on_gpu.loss_curve_, on_cpu.loss_curve_, rtol=1e-3)
    assert {p.device.type for p in on_gpu.module_.parameters()} == {"cuda"}


@pytest.mark.parametrize("precision", ["auto", "bfloat16", "float16"])
@pytest.mark.parametrize(
    "options", [{}, {"freeze_encoder": True, "augment": "flip"}, {"early_stopping": True}]
)
def test_mixed_precision_learns(precision, options):
    exact = small(image_size=64, device="cuda", max_iter=4, **options).fit(PHOTOS)
    narrow = exact.__class__(**{**exact.get_params(), "precision": precision}).fit(PHOTOS)
    np.testing.assert_allclose(narrow.loss_curve_, exact.loss_curve_, rtol=0.05)


def test_photos_are_uploaded_and_cropped_there(monkeypatch):
    seen = []
    crops = UploadedPhotos.crops
    monkeypatch.setattr(
        UploadedPhotos, "crops", lambda self, *args: seen.append(self.device) or crops(self, *args)
    )
    small(image_size=64, device="cuda").fit(PHOTOS)
    assert {device.type for device in seen} == {"cuda"}


def test_pictures_are_those_of_a_cpu_and_of_any_batch():
    colorizer = small(image_size=64, device="cpu").fit(PHOTOS)
    expected = colorizer.predict(PHOTOS)
    colorizer.set_params(device="cuda")
    for pictures in (colorizer.predict(PHOTOS), [colorizer.predict(photo) for photo in PHOTOS]):
        for one, other in zip(pictures, expected, strict=True):
            assert (np.abs(one.astype(int) - other) <= 1).mean() >= 0.995


def test_want_of_memory_names_the_parameter():
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(1e-3)
    try:
        with pytest.raises(MemoryError, match=r"lower .*image_size"):
            small(image_size=512, batch_size=8, device="cuda").fit(PHOTOS)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
