"""A system and a network that are not of this package: rows in two tables, and every command works.

The least-squares losses of Mao et al. 2017, eq. 2, on a pair of dense networks.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tiny_systems import COMMON, labelled_images
from torch import Tensor, nn
from typer.testing import CliRunner

from predictor.cli import app
from predictor.latents import drawn_latents
from predictor.networks import NETWORKS
from predictor.networks.pixel_units import InUnits, PixelUnits
from predictor.systems import SYSTEMS, gan
from predictor.systems.entry import SystemEntry
from predictor.systems.phases import Batch, Networks, Phase, PhaseLoss, System
from predictor.systems.settings import NetworkSettings

run = CliRunner().invoke


@dataclass(frozen=True)
class JudgeConfig:
    shape: tuple[int, int, int] = (1, 28, 28)
    classes: int | None = None
    units: str = "unit"
    hidden: int = 4


class Judge(InUnits, nn.Module):
    multiple = 1
    pixel_range = (-1.0, 1.0)
    layout = "(N, C, H, W) to (N, 1)"

    def __init__(self, config: JudgeConfig) -> None:
        super().__init__()
        self.config = config
        self.units = PixelUnits("unit", config.shape)
        self.layers = nn.Sequential(
            nn.Flatten(), nn.LazyLinear(config.hidden), nn.ReLU(), nn.Linear(config.hidden, 1)
        )
        self.layers[1].initialize_parameters(Tensor(1, *config.shape).flatten(1))

    def forward(self, pictures: Tensor) -> Tensor:
        return self.layers(pictures)


def build(settings: gan.GanSettings) -> System:
    generator, judge = settings.generator.build(), settings.discriminator.build()

    def made(batch: Batch) -> Tensor:
        shape = (len(batch["image"]), generator.latent_width)
        return generator(drawn_latents(generator.distribution, shape))

    def discriminator_loss(networks: Networks, batch: Batch, earlier: Batch) -> PhaseLoss:
        real = judge.units.encoded(batch["image"])
        return PhaseLoss(
            {
                "real": (judge(real) - 1).square().mean(),
                "fake": judge(made(batch).detach()).square().mean(),
            }
        )

    def generator_loss(networks: Networks, batch: Batch, earlier: Batch) -> PhaseLoss:
        return PhaseLoss({"adversarial": (judge(made(batch)) - 1).square().mean()})

    usual = gan.build(gan.GanSettings.model_validate({"images": settings.images}))
    first, second = (
        Phase(name, name, loss, chosen.optimizer(settings.iterations))
        for name, loss, chosen in (
            ("discriminator", discriminator_loss, settings.discriminator_optimizer),
            ("generator", generator_loss, settings.generator_optimizer),
        )
    )
    return System(
        networks={"generator": generator, "discriminator": judge},
        phases=(first, second),
        release="generator",
        companions=("discriminator",),
        validate=usual.validate,
        best_by=usual.best_by,
        preview=usual.preview,
    )


@pytest.fixture
def _own_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(NETWORKS, "judge", (JudgeConfig, Judge))

    class LeastSquaresSettings(gan.GanSettings):
        discriminator: NetworkSettings = NetworkSettings(network="judge")

    entry = SystemEntry(LeastSquaresSettings, build, gan.open_data)
    monkeypatch.setitem(SYSTEMS, "least-squares-gan", entry)


@pytest.mark.usefixtures("_own_rows")
def test_a_system_of_ones_own_has_all_the_commands(tmp_path: Path) -> None:
    data, recipe, model = tmp_path / "data", tmp_path / "mine.toml", tmp_path / "model"
    data.mkdir()
    labelled_images(data)
    recipe.write_text(
        'system = "least-squares-gan"\n[settings]\nvalidation_samples = 8\n'
        'generator = {network = "dense-generator", latent = 4, hidden = [8, 6]}\n'
        "images = {size = [8, 8], validation_share = 0.25}\n"
    )
    options = [f"--set={key}={value}" for key, value in COMMON.items()]

    def done(*words: Any) -> str:
        result = run(app, [str(word) for word in words], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.stdout

    done("train", "least-squares-gan", data, "-o", tmp_path / "run", "--recipe", recipe, *options,
         "--until", 3)  # fmt: skip
    done("resume", tmp_path / "run")
    done("export", tmp_path / "run", "-o", model)
    assert "predictor sample path/to/model" in (model / "README.md").read_text()
    done("sample", model, "-o", tmp_path / "sheet.png", "-n", 4)
    found = json.loads(done("evaluate", model, data, "--samples", 20, "--json"))["results"][0]
    assert "parzen_nats" in found["scores"]
