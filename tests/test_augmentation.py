"""Random affine changes of pictures, against OpenCV and in closed form."""

import math

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from predictor.augmentation import AffineAugmentation
from predictor.draws import drawn_rows, shared_draws
from predictor.errors import SettingsError

STILL = {"scale": 1.0, "shear": 0.0, "rotation_degrees": 0.0, "translation": 0.0}


def changes(**amounts: float) -> AffineAugmentation:
    return AffineAugmentation(**STILL | amounts)


def pictures(count: int = 3, height: int = 24, width: int = 40) -> Tensor:
    random = torch.Generator().manual_seed(0)
    coarse = torch.rand(count, 2, 6, 10, generator=random)
    return torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic")


def drawn(count: int, seed: int) -> np.ndarray:
    with shared_draws(seed):
        numbers = drawn_rows(
            count, "cpu", lambda rows, source: torch.rand(rows, 6, generator=source)
        )
    return (2 * numbers - 1).numpy()


def test_nothing_changes_by_nothing() -> None:
    images = pictures()
    torch.testing.assert_close(changes().augmented(images), images, atol=1e-5, rtol=0)


def test_it_is_the_affine_map_that_opencv_applies() -> None:
    images, chosen = pictures(), AffineAugmentation(1.3, 0.4, 25.0, 0.2)
    with shared_draws(7):
        found = chosen.augmented(images)
    height, width = images.shape[-2:]
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    for image, result, amounts in zip(images, found, drawn(3, 7), strict=True):
        wide, tall, shear, turn, across, down = amounts
        angle = math.radians(25) * turn
        rotation = [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
        linear = rotation @ np.array([[1, 0.4 * shear], [0, 1]]) @ np.diag([1.3**wide, 1.3**tall])
        moved = middle - linear @ middle + [0.2 * across * width, 0.2 * down * height]
        expected = cv2.warpAffine(
            np.ascontiguousarray(image.permute(1, 2, 0).numpy()),
            np.hstack([linear, moved[:, None]]),
            (width, height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        # OpenCV rounds places to 1/32 of a pixel.
        np.testing.assert_allclose(result.permute(1, 2, 0).numpy(), expected, atol=0.02)


@pytest.mark.parametrize("amount", [{"scale": 1.5}, {"shear": 0.5}, {"rotation_degrees": 30.0},
                                    {"translation": 0.2}])  # fmt: skip
def test_each_amount_changes_every_picture_by_another_value(amount: dict[str, float]) -> None:
    images = pictures(1).expand(4, -1, -1, -1)
    with shared_draws(0):
        found = changes(**amount).augmented(images)
    for first in range(4):
        assert (found[first] - images[0]).abs().max() > 0.02
        for second in range(first):
            assert (found[first] - found[second]).abs().max() > 0.02


def test_two_ranks_change_pictures_as_one_process_does() -> None:
    images, chosen = pictures(4), AffineAugmentation()
    with shared_draws(3):
        whole = chosen.augmented(images)
    for rank in (0, 1):
        part = slice(2 * rank, 2 * rank + 2)
        with shared_draws(3, rank, 2):
            assert torch.equal(chosen.augmented(images[part]), whole[part])


def test_gradients_are_those_of_the_change() -> None:
    images = pictures(2, 6, 8).double().requires_grad_()

    def changed(given: Tensor) -> Tensor:
        with shared_draws(1):
            return AffineAugmentation().augmented(given)

    assert changed(images).dtype == torch.float64
    assert changed(images.to(torch.bfloat16)).dtype == torch.float32
    assert torch.autograd.gradcheck(changed, (images,))


@pytest.mark.parametrize(
    "amount", [{"scale": 0.9}, {"shear": -0.1}, {"rotation_degrees": -1.0}, {"translation": -0.1}]
)
def test_impossible_amounts_are_refused(amount: dict[str, float]) -> None:
    ((name, value),) = amount.items()
    with pytest.raises(SettingsError, match=f"{name} (is )?{value}"):
        changes(**amount)
