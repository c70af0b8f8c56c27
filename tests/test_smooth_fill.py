"""The smooth fill against a converged membrane, and the means of known pixels."""

import numpy as np
import pytest
import torch
from torch import Tensor

from predictor.errors import TensorContractError
from predictor.smooth_fill import known_means, smooth_fill


def hole(height: int, width: int, top: int, left: int, size: int) -> Tensor:
    mask = torch.zeros(1, 1, height, width)
    mask[..., top : top + size, left : left + size] = 1
    return mask


def test_known_pixels_are_kept_bit_for_bit_and_missing_ones_have_no_influence() -> None:
    images = torch.rand(2, 3, 33, 47, generator=torch.Generator().manual_seed(0)) * 2 - 1
    masks = hole(33, 47, 5, 9, 17).repeat(2, 1, 1, 1)
    filled = smooth_fill(images, masks)
    assert torch.equal(filled * (1 - masks), images * (1 - masks))
    assert torch.equal(smooth_fill(images.where(masks == 0, 0.7), masks), filled)


def test_it_is_near_the_membrane_through_the_known_pixels() -> None:
    random = np.random.default_rng(0)
    image = np.cumsum(np.cumsum(random.normal(size=(40, 48)), 0), 1)
    image = (image - image.min()) / np.ptp(image)
    where = hole(40, 48, 8, 10, 20)[0, 0].numpy() > 0
    exact = image.copy()
    exact[where] = image[~where].mean()
    for _ in range(5000):  # Jacobi sweeps, to convergence
        near = (np.roll(exact, 1, 0) + np.roll(exact, -1, 0)
                + np.roll(exact, 1, 1) + np.roll(exact, -1, 1)) / 4  # fmt: skip
        exact[where] = near[where]
    filled = smooth_fill(torch.from_numpy(image)[None, None], hole(40, 48, 8, 10, 20))
    error = np.abs(filled[0, 0].numpy() - exact)[where]
    assert error.mean() < 0.02
    assert error.max() < 0.08


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 3), (64, 65)])
def test_constant_images_stay_constant_at_any_size(size: tuple[int, int]) -> None:
    masks = torch.zeros(1, 1, *size)
    masks[..., size[1] // 3 :] = 1
    masks[..., 0, 0] = 0
    images = torch.full((1, 3, *size), 0.25)
    assert torch.allclose(smooth_fill(images, masks), images, atol=1e-5)


def test_values_stay_between_the_lowest_and_the_highest_known() -> None:
    images = torch.rand(1, 3, 37, 50, generator=torch.Generator().manual_seed(1))
    filled = smooth_fill(images * 0.5 + 0.25, (images[:, :1] > 0.3).float())
    assert filled.min() >= 0.25
    assert filled.max() <= 0.75


def test_an_image_of_which_nothing_is_known_is_zero() -> None:
    filled = smooth_fill(torch.rand(1, 3, 9, 9), torch.ones(1, 1, 9, 9))
    assert torch.equal(filled, torch.zeros(1, 3, 9, 9))


def test_masks_of_another_size_are_refused() -> None:
    with pytest.raises(TensorContractError, match=r"expected \(1, 1, 8, 8\)"):
        smooth_fill(torch.zeros(1, 3, 8, 8), torch.zeros(1, 1, 8, 9))


def test_a_reduced_pixel_is_the_mean_of_the_known_part_of_its_area() -> None:
    images = torch.arange(32.0).view(1, 2, 4, 4)
    masks = torch.tensor([[1.0, 0, 1, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 1, 1]])[None, None]
    small, missing = known_means(images, masks, (2, 2))
    assert missing.tolist() == [[[[0, 0], [0, 1]]]]  # missing where less than half is known
    first = [[(1 + 4 + 5) / 3, (3 + 7) / 2], [(8 + 9 + 12 + 13) / 4, 0]]
    torch.testing.assert_close(small[0, 0], torch.tensor(first))
    torch.testing.assert_close(small[0, 1, 0, 0], torch.tensor(16 + first[0][0]))
    changed = images.where(masks == 0, 9.0)
    assert torch.equal(known_means(changed, masks, (2, 2))[0], small)


def test_at_the_same_size_known_means_are_the_known_pixels() -> None:
    images, masks = torch.rand(1, 3, 8, 8), hole(8, 8, 2, 2, 4)
    same, missing = known_means(images, masks, (8, 8))
    assert torch.equal(same, images * (1 - masks))
    assert torch.equal(missing, masks)
