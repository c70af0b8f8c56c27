"""A system small enough to train in a moment, with everything that the loop must keep track of.

As a program, ``toy.py RUN [key=value ...]`` trains it where a test needs a process.
"""

import os
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from predictor.systems.entry import SystemEntry, TrainingData
from predictor.systems.phases import Batch, Networks, Optimizer, Phase, PhaseLoss, System
from predictor.systems.schedule import cosine
from predictor.systems.settings import RunSettings

FEATURES = 3


class ToySettings(RunSettings):
    iterations: int = 12
    batch_size: int = 4
    checkpoint_every: int = 4
    report_every: int = 2
    preview_every: int = 100
    validate_every: int = 4
    device: str = "cpu"
    precision: Literal["auto", "fp32", "bf16"] = "fp32"
    workers: int | None = 0
    threads: int | None = 1
    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    update: Literal["in_turn", "together"] = "in_turn"
    is_float64: bool = False
    has_noise: bool = True
    sleep_s: float = 0.0
    nan_at: int = -1


class ToyDataset:
    """Examples that are a function of the key."""

    def __init__(self, settings: ToySettings) -> None:
        self.settings = settings

    def __len__(self) -> int:
        return 10

    def __getitem__(self, key: tuple[int, int]) -> dict[str, Tensor]:
        epoch, index = key
        generator = torch.Generator().manual_seed(1000 * epoch + index)
        x = torch.rand(FEATURES, generator=generator)
        return {"x": x.double() if self.settings.is_float64 else x, "key": torch.tensor(key)}


class Counter(nn.Module):
    """State that a system owns: how many losses were taken, and their moving mean."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(FEATURES))


def build(settings: ToySettings) -> System:
    noise = nn.Dropout(0.5) if settings.has_noise else nn.Identity()
    normalization = nn.BatchNorm1d(8) if settings.has_noise else nn.Identity()
    networks: dict[str, nn.Module] = {
        "generator": nn.Sequential(
            nn.Linear(FEATURES, 8), normalization, nn.Tanh(), nn.Linear(8, FEATURES)
        ),
        "discriminator": nn.Sequential(
            nn.Linear(FEATURES, 8), noise, nn.LeakyReLU(), nn.Linear(8, 1)
        ),
        "history": Counter(),
    }
    if settings.is_float64:
        for network in networks.values():
            network.double()
    iteration = [0]

    def discriminator_loss(networks: Networks, batch: Batch, earlier: Batch) -> PhaseLoss:
        time.sleep(settings.sleep_s)
        with torch.no_grad():
            fake = networks["generator"](batch["x"])
        history = networks["history"].get_buffer("mean")
        if settings.has_noise:
            history.lerp_(batch["x"].mean(0), 0.1)
        real_logits = networks["discriminator"](batch["x"] + history)
        fake_logits = networks["discriminator"](fake)
        return PhaseLoss(
            {
                "real": nn.functional.softplus(-real_logits).mean(),
                "fake": nn.functional.softplus(fake_logits).mean(),
            },
            {"fake": fake},
        )

    def generator_loss(networks: Networks, batch: Batch, earlier: Batch) -> PhaseLoss:
        iteration[0] += 1
        fake = networks["generator"](batch["x"])
        scale = 0.1 if iteration[0] != settings.nan_at else float("nan")
        return PhaseLoss(
            {
                "reconstruction": (fake - batch["x"]).square().mean(),
                "adversarial": scale
                * nn.functional.softplus(-networks["discriminator"](fake)).mean(),
            }
        )

    def is_gated(iteration: int, losses: Mapping[str, float]) -> bool:
        return iteration < 2 or int(losses["generator/reconstruction"] * 1e5) % 2 == 0

    def validate(networks: Networks, batches: Iterable[Batch]) -> dict[str, float]:
        errors = [
            (networks["generator"](batch["x"]) - batch["x"]).square().mean() for batch in batches
        ]
        return {"error": float(torch.stack(errors).mean())}

    def preview(networks: Networks, batch: Batch, folder: Path) -> None:
        (folder / "prediction.txt").write_text(str(networks["generator"](batch["x"]).tolist()))

    kind = settings.optimizer
    return System(
        networks=networks,
        phases=(
            Phase(
                "discriminator",
                "discriminator",
                discriminator_loss,
                Optimizer(kind, 0.05, momentum=0.9),
                repeats=2 if settings.update == "in_turn" else 1,
                when=is_gated if settings.has_noise else None,
            ),
            Phase(
                "generator",
                "generator",
                generator_loss,
                Optimizer(
                    kind,
                    0.02,
                    momentum=0.9,
                    gradient_norm_limit=1.0,
                    learning_rate_factor=cosine(settings.iterations),
                ),
                draws_from="discriminator",
            ),
        ),
        release="generator",
        validate=validate,
        best_by=("error", "min"),
        preview=preview,
        averages={"generator": 0.9},
        update=settings.update,
    )


def open_data(settings: ToySettings, path: Path, run: Path | None = None) -> TrainingData:
    dataset = ToyDataset(settings)
    validation = [{"x": torch.stack([dataset[(-1, i)]["x"] for i in range(4)])}]
    return TrainingData(dataset, validation)


ENTRY = SystemEntry(settings=ToySettings, build=build, open_data=open_data)
SYSTEMS: dict[str, SystemEntry] = {"toy": ENTRY}


def signalled(number: int, call: int) -> SystemEntry:
    """Return the toy with a generator loss that signals its process at its `call`-th call."""
    calls = []

    def built(settings: ToySettings) -> System:
        system = build(settings)
        discriminator, generator = system.phases

        def loss(networks: Networks, batch: Batch, earlier: Batch) -> PhaseLoss:
            calls.append(number)
            if len(calls) == call:
                os.kill(os.getpid(), number)
            return generator.loss(networks, batch, earlier)

        return replace(system, phases=(discriminator, replace(generator, loss=loss)))

    return SystemEntry(ToySettings, built, open_data)


def settings(**values: Any) -> ToySettings:
    return ToySettings.model_validate(values)


if __name__ == "__main__":
    from predictor.errors import Interrupted
    from predictor.training.loop import train
    from predictor.training.settings import parsed_overrides

    folder, *overrides = sys.argv[1:]
    try:
        train(Path(folder), "toy", ENTRY, settings(**parsed_overrides(overrides)), Path())
    except Interrupted as error:
        print(error, file=sys.stderr)  # noqa: T201 - it is a program
        sys.exit(128 + error.signal_number)
