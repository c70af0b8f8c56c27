"""Series from picture to picture: which way each part of a latent goes, and where it ends."""

import pytest
import torch
from torch import Tensor

from predictor.analysis.latent_series import Way, closed_walk, interpolations
from predictor.image_sampler import ImageSampler
from predictor.latents import Distribution, linear_interpolation, spherical_interpolation
from predictor.networks.dense_generator import DenseGenerator, DenseGeneratorConfig
from predictor.networks.infogan import InfoganGenerator, InfoganGeneratorConfig
from predictor.structured_latents import StructuredLatents


def plain(distribution: Distribution) -> ImageSampler:
    config = DenseGeneratorConfig(
        (1, 4, 4), latent=6, hidden=(5,), activations=("relu",), distribution=distribution
    )
    return ImageSampler(DenseGenerator(config))


def coded(distribution: Distribution, noise: int = 6) -> ImageSampler:
    codes = StructuredLatents(noise, categorical=(3,), uniform=2, distribution=distribution)
    return ImageSampler(
        InfoganGenerator(InfoganGeneratorConfig((1, 8, 8), codes, dense=6, maps=(4, 3)))
    )


def midway(sampler: ImageSampler, way: Way) -> tuple[Tensor, Tensor]:
    """Return two latents of the sampler and the middle of the way between them."""
    latents = sampler.latents(0, range(2))
    return latents, interpolations(latents, 3, way, sampler)[0, 1]


def test_rows_begin_and_end_at_the_pictures() -> None:
    for sampler in (plain("uniform"), plain("normal"), coded("normal")):
        latents = sampler.latents(0, range(4))
        rows = interpolations(latents, 5, "auto", sampler)
        assert rows.shape == (3, 5, sampler.latent_width)
        assert torch.equal(rows[:, 0], latents[:-1])
        assert torch.equal(rows[:, -1], latents[1:])


@pytest.mark.parametrize(
    ("distribution", "way", "is_round"),
    [
        ("uniform", "auto", False),
        ("unit_uniform", "auto", False),
        ("positive_uniform", "auto", False),
        ("normal", "auto", True),
        ("normal", "linear", False),
        ("uniform", "spherical", True),
    ],
)
def test_noise_goes_round_where_it_is_normal_and_codes_straight(
    distribution: Distribution, way: Way, is_round: bool
) -> None:
    between = spherical_interpolation if is_round else linear_interpolation
    latents, middle = midway(plain(distribution), way)
    torch.testing.assert_close(middle, between(*latents, 3)[1])
    latents, middle = midway(coded(distribution), way)
    torch.testing.assert_close(middle[:6], between(*latents[:, :6], 3)[1])
    torch.testing.assert_close(middle[6:], latents[:, 6:].mean(dim=0))
    assert middle[6:9].sum().item() == pytest.approx(1)  # shares of the categories


def test_latents_may_be_codes_alone() -> None:
    latents, middle = midway(coded("normal", noise=0), "auto")
    torch.testing.assert_close(middle, latents.mean(dim=0))


def test_walk_closes_without_a_repeated_frame() -> None:
    sampler = plain("uniform")
    latents = sampler.latents(0, range(3))
    walk = closed_walk(latents, 4, "linear", sampler)
    assert walk.shape == (12, 6)
    assert torch.equal(walk[::4], latents)
    steps = torch.cat((walk, walk[:1])).diff(dim=0)
    assert torch.allclose(steps[8:], ((latents[0] - latents[2]) / 4).expand(4, -1), atol=1e-6)
