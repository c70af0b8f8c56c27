"""A run of a network of a few weights, trained in no time, to be exported."""

from pathlib import Path

import torch
from torch import Tensor

from predictor.networks import NETWORKS
from predictor.systems.entry import SystemEntry, TrainingData
from predictor.systems.phases import Batch, Networks, Optimizer, Phase, PhaseLoss, System
from predictor.systems.settings import RunSettings
from predictor.training.loop import train

CONFIG, MODULE = NETWORKS["multiscale"]


class Settings(RunSettings):
    width: int = 2
    note: str = "none"
    sizes: tuple[int, ...] = (1, 2)


class Clips:
    def __len__(self) -> int:
        return 4

    def __getitem__(self, key: tuple[int, int]) -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(key[1])
        return {"clip": torch.rand(3, 3, 8, 8, generator=generator) * 2 - 1}


def build(settings: Settings) -> System:
    generator = MODULE(CONFIG(context=2, maps=((settings.width,),), kernels=((3, 3),)))
    validations = [0]

    def loss(networks: Networks, batch: Batch, earlier: Batch) -> PhaseLoss:
        prediction = networks["generator"](batch["clip"][:, :2])[-1]
        return PhaseLoss({"l2": (prediction - batch["clip"][:, 2]).square().mean()})

    def validate(networks: Networks, batches: object) -> dict[str, float]:
        validations[0] += 1  # the second of three is the best
        return {"psnr_1_db": (10.0, 30.0, 20.0)[validations[0] - 1], "ssim_1": 0.5}

    return System(
        networks={"generator": generator},
        phases=(Phase("generator", "generator", loss, Optimizer("adam", 0.05)),),
        release="generator",
        validate=validate,
        best_by=("psnr_1_db", "max"),
        preview=lambda networks, batch, folder: None,
        averages={"generator": 0.5},
    )


SYSTEMS = {
    "frames": SystemEntry(
        Settings, build, lambda settings, path, run=None: TrainingData(Clips(), [])
    )  # type: ignore[arg-type] # no validation batches are needed
}
VALUES = {
    "iterations": 6,
    "validate_every": 2,
    "batch_size": 2,
    "device": "cpu",
    "precision": "fp32",
    "workers": 0,
    "threads": 1,
    "note": "two words",
}


def toy_run(folder: Path) -> Path:
    """Return a finished run of `SYSTEMS` in `folder`, whose second of three validations is best."""
    run = folder / "runs" / "first"
    settings = Settings.model_validate(VALUES)
    train(run, "frames", SYSTEMS["frames"], settings, folder / "my clips")
    return run
