"""The recipes of context encoders, where the paper and its code differ."""

import pytest
import torch
from torch import Tensor

from predictor.data import MaskSource
from predictor.losses import overlap_weights
from predictor.recipes import load_recipe
from predictor.systems.inpaint import InpaintSettings
from predictor.training.settings import validated_settings


def open_mask(settings: InpaintSettings) -> Tensor:
    """Return a mask ``(1, 1, H, W)`` as the run would draw it."""
    source = MaskSource(settings.masks)
    return source.drawn(settings.photos.crop, torch.Generator().manual_seed(0))[None]


@pytest.mark.parametrize(
    ("name", "overlap", "hole", "band"), [("paper", 7, 50, 64**2 - 50**2), ("official", 4, 56, 960)]
)
def test_the_recipes_differ_as_paper_and_code_do(
    name: str, overlap: int, hole: int, band: int
) -> None:
    recipe = load_recipe(f"context-encoder-{name}")
    settings = validated_settings(InpaintSettings, recipe.settings)
    assert settings.losses.overlap_px == overlap
    mask = open_mask(settings)
    assert mask.sum() == hole**2
    weights = overlap_weights(mask, overlap, settings.losses.overlap_weight)[0, 0, 32:96, 32:96]
    assert (weights == 10).sum() == band
    assert (weights == 1).sum() == hole**2
    rates = settings.generator_optimizer, settings.discriminator_optimizer
    assert rates[0].learning_rate == pytest.approx(10 * rates[1].learning_rate)
    levels = [round((value + 1) * 127.5) for value in settings.generator.config().fill_colour]
    assert levels == ([123, 117, 104] if name == "paper" else [117, 104, 123])
    assert settings.stale_discriminator == (name == "official")


def test_the_recipe_for_random_regions_counts_the_whole_image_alike() -> None:
    recipe = load_recipe("context-encoder-random")
    settings = validated_settings(InpaintSettings, recipe.settings)
    assert 0.2 < open_mask(settings).mean() < 0.3
    assert settings.shared_masks
    weights = overlap_weights(open_mask(settings), None, settings.losses.overlap_weight)
    assert weights.unique().tolist() == [1.0]
