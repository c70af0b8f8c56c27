"""Recipes with small networks and few iterations, and ``predictor reproduce`` run on them."""

import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from predictor.cli import app
from predictor.recipes import Recipe, load_recipe
from predictor.reproduction.measured import Trained
from predictor.systems import SYSTEMS
from predictor.training.result import trained_networks

HELD_OUT = {"validation_rows": "last", "validation_count": 12}
TINY: dict[str, dict[str, Any]] = {
    "gan": {
        "generator": {"network": "dense-generator", "latent": 4, "hidden": [8, 6]},
        "discriminator": {"network": "dense-discriminator", "hidden": [6, 4]},
        "images": {"size": [8, 8], "channels": 1} | HELD_OUT,
        "validation_samples": 8,
    },
    "conditional-gan": {
        "classes": 3,
        "generator": {"network": "dense-generator", "latent": 4, "hidden": [8, 6]},
        "discriminator": {"network": "dense-discriminator", "hidden": [6, 4]},
        "images": {"size": [8, 8], "channels": 1} | HELD_OUT,
        "validation_samples": 8,
    },
    "dcgan": {
        "generator": {"network": "dcgan", "latent": 4, "maps": [6, 4]},
        "discriminator": {"network": "dcgan-discriminator", "maps": [4, 6]},
        "images": {"size": [8, 8], "channels": 1} | HELD_OUT,
    },
    "improved-gan": {
        "classes": 3,
        "labels": 6,
        "best_by": "last",
        "generator": {"network": "normalized-dense-generator", "latent": 4, "hidden": [6]},
        "discriminator": {"network": "dense-classifier", "hidden": [6, 5]},
        "images": {"size": [8, 8], "channels": 1} | HELD_OUT,
    },
    "lapgan": {
        "sizes": [4, 8],
        "coarsest_generator": {"hidden": [6, 5]},
        "coarsest_discriminator": {"hidden": [5, 4]},
        "finer_generator": {"planes": [3, 3]},
        "finer_discriminator": {"planes": 8, "kernel": 3},
        "nearest_images": 1,
        "nearest_samples": 2,
        "images": {"size": [8, 8], "channels": 1} | HELD_OUT,
        "validation_samples": 8,
    },
}
COMMON = {
    "iterations": 6,
    "batch_size": 4,
    "checkpoint_every": 2,
    "validate_every": 3,
    "preview_every": 6,
    "precision": "fp32",
}
QUICK = ["--set", "threads=1", "--set", "workers=0", "--device", "cpu"]


def tiny(name: str, **more: Any) -> Recipe:
    """Return the recipe with small networks, few iterations and few samples."""
    recipe = load_recipe(name)
    asked = recipe.protocol_settings.model_copy(
        update={
            "samples": 60,
            "draws": 2,
            "labels": (3, 6) if recipe.protocol_settings.labels else (),
        }
    )
    return recipe.model_copy(
        update={"settings": {**COMMON, **TINY[recipe.system]}, "protocol_settings": asked, **more}
    )


def reproduce(*arguments: Any) -> Any:
    """Return the result of the command with these arguments."""
    return CliRunner().invoke(app, ["reproduce", *map(str, arguments)], env={"COLUMNS": "300"})


def document(folder: Path) -> dict[str, Any]:
    """Return the one result in ``reproduction.json``."""
    (entry,) = json.loads((folder / "reproduction.json").read_text())["results"]
    found: dict[str, Any] = entry
    return found


def trained_in(folder: Path) -> Trained:
    """Return the networks of a finished run."""
    return Trained("x", trained_networks(folder, SYSTEMS)[0])
