"""The tensor contract: what is refused, and the arithmetic between ranges and sizes."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from predictor.errors import TensorContractError
from predictor.tensors import (
    frames_as_channels,
    missing_pixels,
    padded_to_multiple,
    require_clip,
    require_image_range,
    require_images,
    require_masks,
    rescaled,
    shown_difference,
)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.zeros(3, 8, 8), r"has shape \(3, 8, 8\), expected \(N, C, H, W\)"),
        (torch.zeros(1, 3, 8, 8, dtype=torch.uint8), "is torch.uint8, expected floating point"),
        (torch.zeros(1, 4, 8, 8), "has 4 channels, expected 3"),
        (torch.zeros(0, 3, 8, 8), "is empty"),
    ],
)
def test_what_breaks_the_contract_is_refused(images: torch.Tensor, message: str) -> None:
    with pytest.raises(TensorContractError, match=f"^truth {message}"):
        require_images(images, "truth")


def test_channels_of_a_clip_are_its_third_axis() -> None:
    clip = torch.zeros(1, 4, 3, 8, 8)
    assert require_clip(clip) is clip
    with pytest.raises(TensorContractError, match="clip has 4 channels"):
        require_clip(clip.transpose(1, 2))


@pytest.mark.parametrize("shape", [(1, 1, 4, 6), (2, 3, 4, 6), (2, 1, 6, 4), (2, 4, 6)])
def test_masks_that_do_not_fit_their_images_are_refused(shape: tuple[int, ...]) -> None:
    images = torch.zeros(2, 3, 4, 6)
    masks = torch.zeros(2, 1, 4, 6)
    assert require_masks(masks, images) is masks
    with pytest.raises(TensorContractError, match="masks ha"):
        require_masks(torch.zeros(shape), images)


def test_a_range_is_mapped_end_to_end_and_back() -> None:
    levels = torch.arange(256.0)
    mapped = rescaled(levels, (0.0, 255.0))
    assert (mapped[0], mapped[-1]) == (-1.0, 1.0)
    assert torch.equal(rescaled(mapped, (-1.0, 1.0), (0.0, 255.0)).round(), levels)


def test_a_difference_is_black_at_none_and_white_from_a_quarter_of_the_range() -> None:
    first = torch.tensor([0.3, 0.0, 0.0, -1.0])
    second = torch.tensor([0.3, 0.25, -0.5, 1.0])
    assert torch.equal(shown_difference(first, second), torch.tensor([-1.0, 0.0, 1.0, 1.0]))


def test_channels_are_those_of_the_oldest_frame_first() -> None:
    clip = torch.arange(12.0).view(1, 4, 3, 1, 1)
    assert frames_as_channels(clip).flatten().tolist() == list(range(12))


@given(height=st.integers(1, 20), width=st.integers(1, 20), multiple=st.integers(1, 9))
def test_padding_repeats_edges_and_is_cropped_off_again(
    height: int, width: int, multiple: int
) -> None:
    clip = torch.arange(2.0 * 3 * height * width).view(1, 2, 3, height, width)
    padded = padded_to_multiple(clip, multiple)
    assert torch.equal(padded[..., :height, :width], clip)
    rows, columns = padded.shape[-2:]
    assert (rows % multiple, columns % multiple) == (0, 0)
    assert max(rows - height, columns - width) < multiple
    assert torch.equal(padded[..., -1, -1], clip[..., -1, -1])


def test_a_mask_of_another_type_is_told_what_masks_are() -> None:
    images = torch.zeros(1, 3, 4, 6)
    with pytest.raises(TensorContractError, match=r"bool, expected .* 1 where a pixel is mis"):
        require_masks(torch.ones(1, 1, 4, 6, dtype=torch.bool), images)


def test_what_is_no_tensor_is_named() -> None:
    images: Any = torch.zeros(1, 3, 4, 6).numpy()
    with pytest.raises(TensorContractError, match=r"is a ndarray, expected a torch\.Tensor"):
        require_images(images)


@pytest.mark.parametrize("value", [255.0, 2.1, -2.1, float("nan"), float("inf"), -float("inf")])
def test_values_of_no_picture_are_refused(value: float) -> None:
    images = torch.linspace(-1.4, 1.4, 72).view(1, 3, 4, 6)  # resampling overshoots
    assert require_image_range(images) is images
    images[0, 1, 2, 3] = value
    with pytest.raises(TensorContractError, match=r"clip .*expected \[-1, 1\]"):
        require_image_range(images, "clip")


def test_missing_is_what_masks_give_more_than_one_half() -> None:
    images = torch.zeros(1, 3, 1, 4)
    masks = torch.tensor([0.0, 0.5, 0.6, 255.0]).view(1, 1, 1, 4)
    assert missing_pixels(masks, images).flatten().tolist() == [False, False, True, True]
    images[..., 3] = 255  # under the mask
    assert missing_pixels(masks, images).sum() == 2
    images[..., 0] = 255
    with pytest.raises(TensorContractError, match="images goes from 0 to 255"):
        missing_pixels(masks, images)
    masks[..., 0] = float("nan")
    with pytest.raises(TensorContractError, match="masks have values that are not numbers"):
        missing_pixels(masks, images)
