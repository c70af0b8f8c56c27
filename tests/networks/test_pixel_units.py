"""Units of pixels: there and back, and what each means."""

import pytest
import torch

from predictor.networks.pixel_units import PixelUnits, Units


@pytest.mark.parametrize("units", ["unit", "signed", "standardized"])
def test_there_and_back(units: Units) -> None:
    torch.manual_seed(0)
    images = torch.rand(6, 3, 4, 5) * 2 - 1
    chosen = PixelUnits(units, (3, 4, 5))
    chosen.prepare(images.mean(0), images.std(0))
    assert torch.allclose(chosen.decoded(chosen.encoded(images)), images, atol=1e-6)


def test_ranges() -> None:
    ends = torch.tensor([-1.0, 1.0]).reshape(2, 1, 1, 1)
    assert PixelUnits("unit", (1, 1, 1)).encoded(ends).flatten().tolist() == [0, 1]
    assert PixelUnits("signed", (1, 1, 1)).encoded(ends).flatten().tolist() == [-1, 1]
    assert PixelUnits("signed", (1, 1, 1)).decoded(3 * ends).flatten().tolist() == [-1, 1]


def test_standardized_pixels_have_mean_0_and_deviation_1() -> None:
    torch.manual_seed(0)
    images = torch.rand(50, 1, 3, 3) * 0.2 + torch.rand(1, 3, 3)
    chosen = PixelUnits("standardized", (1, 3, 3))
    chosen.prepare(images.mean(0), images.std(0))
    values = chosen.encoded(images)
    assert torch.allclose(values.mean(0), torch.zeros(1, 3, 3), atol=1e-5)
    assert torch.allclose(values.std(0), torch.ones(1, 3, 3), atol=1e-4)


def test_a_pixel_that_never_varies_is_near_0_also_where_its_mean_was_stored_in_half_precision() -> (
    None
):
    chosen = PixelUnits("standardized", (1, 3, 3))
    never = torch.full((1, 3, 3), 0.3)
    chosen.prepare(never, torch.zeros(1, 3, 3))
    chosen.half().float()
    assert chosen.encoded(never[None]).abs().max() < 0.1
    assert torch.allclose(chosen.decoded(chosen.encoded(never[None])), never[None])


def test_contrast_of_every_picture_is_one_length() -> None:
    torch.manual_seed(0)
    images = torch.rand(5, 3, 8, 8) * torch.tensor([0.1, 0.5, 1, 0.2, 0.9]).reshape(5, 1, 1, 1)
    chosen = PixelUnits("contrast", (3, 8, 8))
    values = chosen.encoded(images)
    assert torch.allclose(values.mean(dim=(1, 2, 3)), torch.zeros(5), atol=1e-5)
    assert torch.allclose(values.flatten(1).norm(dim=1), torch.full((5,), 55.0))
    assert torch.allclose(chosen.encoded(images * 0.3 - 0.2), values, atol=1e-4)
    shown = chosen.decoded(values)
    assert torch.allclose(shown.flatten(1).abs().amax(1), torch.ones(5))
    assert chosen.encoded(torch.zeros(1, 3, 8, 8)).isfinite().all()
