"""One code varied: which latents stand where, and what is no code or no range."""

import pytest
import torch

from predictor.analysis.code_sweeps import parsed_sweep, usual_sweeps
from predictor.errors import SettingsError
from predictor.image_sampler import ImageSampler
from predictor.networks.dense_generator import DenseGenerator, DenseGeneratorConfig
from predictor.networks.infogan import InfoganGenerator, InfoganGeneratorConfig
from predictor.structured_latents import StructuredLatents

CODES = StructuredLatents(noise=3, categorical=(4,), uniform=2)


@pytest.fixture(scope="module")
def coded() -> ImageSampler:
    return ImageSampler(
        InfoganGenerator(InfoganGeneratorConfig((1, 8, 8), CODES, dense=6, maps=(4, 3)))
    )


@pytest.fixture(scope="module")
def plain() -> ImageSampler:
    config = DenseGeneratorConfig((1, 4, 4), latent=5, hidden=(6,), activations=("relu",))
    return ImageSampler(DenseGenerator(config))


def test_usual_sweeps_are_every_category_and_twice_the_range(
    coded: ImageSampler, plain: ImageSampler
) -> None:
    first, second, third = usual_sweeps(coded)
    assert (first.name, first.values.tolist()) == ("c1", [0, 1, 2, 3])
    assert (second.name, third.name) == ("c2", "c3")
    assert (len(third.values), third.values[0].item(), third.values[-1].item()) == (10, -2, 2)
    assert usual_sweeps(plain) == []


@pytest.mark.parametrize(
    ("text", "column", "values"),
    [
        ("c2=-1..0.5", 7, [-1, 0.5]),
        ("c3=2...5", 8, [2, 0.5]),
        ("z2", 2, [-2, 2]),
    ],
)
def test_only_that_number_varies_and_each_row_keeps_its_own(
    text: str, column: int, values: list[float], coded: ImageSampler
) -> None:
    sweep = parsed_sweep(text, coded)
    latents = coded.latents(0, range(3))
    swept = sweep.applied(latents, sweep.values)
    assert swept.shape == (3, 10, CODES.width)
    for row in range(3):
        torch.testing.assert_close(swept[row, :, column], torch.linspace(*values, 10))
    rest = [each for each in range(CODES.width) if each != column]
    assert torch.equal(swept[..., rest], latents[:, None, rest].expand(-1, 10, -1))
    assert sweep.turning_points.tolist() == values
    assert not torch.equal(latents[0], latents[1])


def test_categories_are_one_hot(coded: ImageSampler) -> None:
    sweep = parsed_sweep("c1=1..3", coded)
    latents = coded.latents(0, range(2))
    swept = sweep.applied(latents, sweep.values)
    assert torch.equal(swept[..., 3:7], torch.eye(4)[1:].expand(2, 3, 4))
    assert torch.equal(swept[..., 7:], latents[:, None, 7:].expand(2, 3, 2))
    assert sweep.turning_points.tolist() == [1, 2, 3]
    assert (sweep.title, sweep.beyond) == ("c1: 1 to 3", None)


def test_what_goes_beyond_the_prior_is_said(coded: ImageSampler, plain: ImageSampler) -> None:
    assert parsed_sweep("c2=-1..1", coded).beyond is None
    said = parsed_sweep("c2=-2..1", coded).beyond
    assert said == "c2: -2 to 1 goes beyond what the model was trained with, -1 to 1"
    assert parsed_sweep("z4=-1.7..1.7", plain).beyond is None
    assert (parsed_sweep("z4=-2..2", plain).beyond or "").endswith("-1.73 to 1.73")
    assert parsed_sweep("z4", plain).beyond is None  # what is usual to look at


def test_noise_that_is_never_negative_is_swept_around_its_middle() -> None:
    config = DenseGeneratorConfig(
        (1, 4, 4), 5, hidden=(6,), activations=("relu",), distribution="positive_uniform"
    )
    sampler = ImageSampler(DenseGenerator(config))
    sweep = parsed_sweep("z0", sampler)
    assert sweep.turning_points.tolist() == [-0.5, 1.5]
    assert (parsed_sweep("z0=-1..1", sampler).beyond or "").endswith("trained with, 0 to 1")
    assert parsed_sweep("z0=0..1", sampler).beyond is None
    assert parsed_sweep("z0=-0.5..0.5", sampler).beyond is not None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("c4", r"--vary c4: the model has the codes c1, c2, c3 and the noise z0 to z2"),
        ("z3", "--vary z3: the model has the codes"),
        ("digit=1..2", "--vary digit: the model has the codes"),
        ("c2=1", r"--vary c2=1: expected a range such as c2=-2\.\.2"),
        ("c2=a..b", "expected a range such as"),
        ("c2=-inf..1", "expected a range such as"),
        ("c2=1..1", "both ends are 1, expected a range"),
        ("c1=0..4", "c1 has the categories 0 to 3"),
        ("c1=0..1.5", "c1 has the categories 0 to 3"),
        ("c1=2..1", "c1 has the categories 0 to 3"),
    ],
)
def test_what_is_no_code_or_no_range(text: str, said: str, coded: ImageSampler) -> None:
    with pytest.raises(SettingsError, match=said):
        parsed_sweep(text, coded)


def test_a_model_without_codes_has_its_noise(plain: ImageSampler) -> None:
    assert parsed_sweep("z4", plain).columns == slice(4, 5)
    for text in ("c1", "z5", "z", "z-1"):
        with pytest.raises(SettingsError, match="has no codes, only the noise z0 to z4"):
            parsed_sweep(text, plain)
