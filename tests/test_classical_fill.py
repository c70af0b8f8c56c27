"""The classical fills against OpenCV itself."""

import cv2
import numpy as np
import pytest
import torch

from predictor.classical_fill import METHODS, ClassicalInpainter, Method, opencv_fill
from predictor.errors import SettingsError, TensorContractError
from predictor.holes import holes_of


@pytest.mark.parametrize("method", METHODS)
def test_holes_are_filled_as_opencv_does_and_nothing_else_changes(method: Method) -> None:
    random = np.random.default_rng(0)
    pixels = cv2.resize(random.integers(0, 256, (5, 6, 3), np.uint8), (60, 48))
    hole = np.zeros((48, 60), np.uint8)
    hole[10:30, 20:35] = 1
    images = torch.from_numpy(pixels).permute(2, 0, 1)[None] / 127.5 - 1 + 1e-4
    masks = torch.from_numpy(hole)[None, None].float()
    filled = opencv_fill(images, masks, method)
    expected = cv2.inpaint(pixels, hole, 3, METHODS[method]).astype(np.float32) / 127.5 - 1
    where = hole > 0
    found = filled[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(found[where], expected[where], atol=1e-6)
    assert torch.equal(filled * (1 - masks), images * (1 - masks))


def test_the_two_methods_differ_and_masks_must_fit() -> None:
    images = torch.rand(1, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    masks = torch.zeros(1, 1, 24, 24)
    masks[..., 6:16, 6:16] = 1
    one, other = (opencv_fill(images, masks, method) for method in METHODS)
    assert not torch.equal(one, other)
    with pytest.raises(TensorContractError, match="expected"):
        opencv_fill(images, masks[..., 1:], "telea")


@pytest.mark.parametrize("method", METHODS)
def test_the_part_seen_of_a_hole_is_all_that_its_fill_depends_on(method: Method) -> None:
    coarse = torch.rand(1, 3, 4, 5, generator=torch.Generator().manual_seed(0)) * 1.6 - 0.8
    images = torch.nn.functional.interpolate(coarse, (60, 70), mode="bicubic").clamp(-1, 1)
    masks = torch.zeros(1, 1, 60, 70)
    masks[..., 20:32, 30:41] = 1
    filler = ClassicalInpainter(method)
    (hole,) = holes_of(masks[0, 0].numpy() > 0)
    seen = filler.seen(hole, (60, 70))
    assert seen.height < 40
    part = filler.fill(images[..., seen.rows, seen.columns], masks[..., seen.rows, seen.columns])
    whole = filler.fill(images, masks)
    assert torch.equal(whole, opencv_fill(images, masks, method))
    assert (part - whole[..., seen.rows, seen.columns]).abs().max() <= 1.01 / 127.5


def test_unknown_methods_and_masks_of_everything_are_refused() -> None:
    with pytest.raises(SettingsError, match="'magic', expected telea or navier-stokes"):
        ClassicalInpainter("magic")
    with pytest.raises(TensorContractError, match="covers its whole image"):
        ClassicalInpainter("telea").fill(torch.zeros(1, 3, 8, 9), torch.ones(1, 1, 8, 9))


def test_images_that_take_part_in_a_gradient_are_filled() -> None:
    images, masks = torch.zeros(1, 3, 16, 16, requires_grad=True), torch.zeros(1, 1, 16, 16)
    masks[..., 4:8, 4:8] = 1
    assert not ClassicalInpainter("telea").fill(images, masks).requires_grad
