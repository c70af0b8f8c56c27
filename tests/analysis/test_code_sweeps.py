"""Sheets of one code varied: which latents stand where."""

import torch

from predictor.analysis.code_sweeps import swept_latents, usual_sweep, usual_values
from predictor.image_sampler import ImageSampler
from predictor.networks.infogan import InfoganGenerator, InfoganGeneratorConfig
from predictor.structured_latents import StructuredLatents

CODES = StructuredLatents(noise=3, categorical=(3,), uniform=2)


def test_usual_values_are_every_category_or_twice_the_range() -> None:
    assert usual_values(CODES, "c1").tolist() == [0, 1, 2]
    values = usual_values(CODES, "c3")
    assert (len(values), values[0].item(), values[-1].item()) == (10, -2, 2)


def test_only_the_code_varies_and_each_row_keeps_its_own_noise() -> None:
    latents = CODES.of_pictures(0, range(2))
    for name, values in (("c1", torch.tensor([2.0, 0.0])), ("c3", torch.tensor([-2.0, 0.5]))):
        swept = swept_latents(CODES, latents, name, values)
        own = CODES.columns(name)
        rest = [column for column in range(CODES.width) if not own.start <= column < own.stop]
        assert torch.equal(swept[:, rest], latents[:, rest].repeat_interleave(2, dim=0))
        if name == "c1":
            assert CODES.codes(swept).categories[0].tolist() == [2, 0, 2, 0]
            assert torch.equal(swept[:, own].sum(dim=1), torch.ones(4))
        else:
            assert swept[:, own].flatten().tolist() == [-2, 0.5, -2, 0.5]


def test_the_usual_sheet_has_a_row_a_picture() -> None:
    torch.manual_seed(0)
    config = InfoganGeneratorConfig((1, 8, 8), CODES, dense=6, maps=(4, 3))
    sampler = ImageSampler(InfoganGenerator(config))
    images, columns = usual_sweep(sampler, "c1", seed=3)
    assert (len(images), columns) == (30, 3)
    category = int(CODES.codes(sampler.latents(3, [4])).categories[0])
    torch.testing.assert_close(images[4 * 3 + category], sampler.sampled(1, 3, first=4)[0])
