"""Every system with settings tiny enough to train in a moment, and data that can be made in one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np


def videos(folder: Path) -> None:
    """Make three videos of a texture that drifts, each its own way."""
    random = np.random.default_rng(0)
    for number in range(3):
        texture = cv2.resize(random.integers(0, 256, (16, 16, 3), np.uint8), (128, 128))
        clip = folder / f"clip-{number}"
        clip.mkdir(parents=True)
        for t in range(20):
            frame = np.roll(texture, (t * (number + 1), 2 * t), (0, 1))[:64, :64]
            cv2.imwrite(str(clip / f"{t:06d}.png"), frame)


def photographs(folder: Path) -> None:
    """Make six smooth pictures, each its own."""
    random = np.random.default_rng(0)
    for number in range(6):
        picture = cv2.resize(random.integers(0, 256, (6, 8, 3), np.uint8), (80, 64))
        cv2.imwrite(str(folder / f"{number}.jpg"), picture)


def labelled_images(folder: Path) -> None:
    """Make twelve pictures of three classes, each of a brightness of its own."""
    random = np.random.default_rng(0)
    for number in range(12):
        path = folder / "abc"[number % 3] / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        noise = random.integers(0, 64, (8, 8), np.uint8)
        cv2.imwrite(str(path), noise + 64 * (number % 3))


COMMON: dict[str, Any] = {
    "iterations": 4,
    "batch_size": 2,
    "checkpoint_every": 2,
    "report_every": 2,
    "preview_every": 4,
    "validate_every": 2,
    "device": "cpu",
    "workers": 0,
    "threads": 1,
}

SMALL_IMAGES: dict[str, Any] = {
    "images": {"size": [8, 8], "channels": 1},
    "validation_samples": 8,
    "precision": "fp32",
}

HELD_OUT: dict[str, Any] = {"validation_share": 0.25}

TINY: dict[str, tuple[Callable[[Path], None], list[dict[str, Any]]]] = {
    "classifier": (
        labelled_images,
        [
            {
                "classes": 3,
                "network": {"maps": [4, 5]},
                "images": {"size": [8, 8], "channels": 1} | HELD_OUT,
                "precision": "bf16",
            },
        ],
    ),
    "dcgan": (
        labelled_images,
        [
            {
                "generator": {"network": "dcgan", "latent": 4, "maps": [6, 4]},
                "discriminator": {"network": "dcgan-discriminator", "maps": [4, 6]},
                "images": {"size": [8, 8], "crop": "random", "flip_horizontal": 0.5} | HELD_OUT,
                "average_decay": 0.9,
                "precision": "bf16",
            },
            {
                "generator": {
                    "network": "dcgan",
                    "latent": 4,
                    "maps": [6, 4],
                    "kernel": 3,
                    "strides": [2, 1],
                    "is_normalized_per_unit": True,
                },
                "discriminator": {
                    "network": "dcgan-discriminator",
                    "maps": [4, 6],
                    "kernel": 3,
                    "strides": [1, 2],
                },
                "images": {"size": [8, 8], "channels": 1} | HELD_OUT,
                "schedule": "odd_even",
                "precision": "fp32",
            },
            {
                "generator": {"network": "dcgan", "latent": 4, "maps": [4], "kernel": 4},
                "discriminator": {
                    "network": "dcgan-discriminator",
                    "maps": [4],
                    "kernel": 4,
                    "minibatch": "code",
                    "minibatch_kernels": 3,
                },
                "real_target": 0.9,
                "historical_averaging": 0.1,
                "images": {"size": [8, 8]} | HELD_OUT,
                "schedule": "simultaneous",
                "precision": "fp32",
            },
        ],
    ),
    "gan": (
        labelled_images,
        [
            {
                **SMALL_IMAGES,
                "generator": {"network": "dense-generator", "latent": 4, "hidden": [8, 6]},
                "discriminator": {"network": "dense-discriminator", "hidden": [6, 4]},
                "schedule": "simultaneous",
                "generator_optimizer": {
                    "final_momentum": 0.7,
                    "momentum_epochs": [0, 3],
                    "dampened": True,
                },
            },
            {
                **SMALL_IMAGES,
                "generator": {
                    "network": "dense-generator",
                    "latent": 4,
                    "hidden": [8],
                    "activations": ["sigmoid"],
                    "maps": 2,
                    "kernel": 5,
                    "stride": 3,
                    "units": "standardized",
                },
                "discriminator": {
                    "network": "dense-discriminator",
                    "convolutions": [{"channels": 3, "kernel": 3, "padding": 1, "pool": 3}],
                    "hidden": [4],
                    "units": "standardized",
                },
                "generator_loss": "minimax",
                "real_target": 0.9,
                "historical_averaging": 0.1,
                "discriminator_steps": 2,
                "average_decay": 0.5,
                "precision": "bf16",
            },
        ],
    ),
    "improved-gan": (
        labelled_images,
        [
            {
                "generator": {
                    "network": "normalized-dense-generator",
                    "latent": 4,
                    "hidden": [8, 6],
                },
                "discriminator": {"network": "dense-classifier", "hidden": [6, 4]},
                "images": {"size": [8, 8], "channels": 1} | HELD_OUT,
                "classes": 3,
                "labels": 6,
                "held_out_pictures": True,
                "precision": "bf16",
            },
            {
                "generator": {
                    "network": "normalized-convolutional-generator",
                    "latent": 4,
                    "maps": [6, 4],
                    "normalization": "virtual",
                    "references": 3,
                },
                "discriminator": {
                    "network": "convolutional-classifier",
                    "maps": [4, 6],
                    "minibatch": "code",
                    "minibatch_kernels": 3,
                },
                "images": {"size": [16, 16], "channels": 1, "flip_horizontal": 0.5} | HELD_OUT,
                "classes": 3,
                "generator_loss": "minimax",
                "generator_steps": 2,
                "real_target": 0.9,
                "historical_averaging": 0.1,
                "average_decay": 0.0,
                "batch_size": 4,
                "precision": "fp32",
            },
        ],
    ),
    "infogan": (
        labelled_images,
        [
            {
                **SMALL_IMAGES,
                "images": SMALL_IMAGES["images"] | HELD_OUT,
                "latents": {"noise": 3, "categorical": [3, 2], "uniform": 1},
                "generator": {"network": "infogan", "dense": 6, "maps": [4, 3]},
                "discriminator": {
                    "network": "infogan-discriminator",
                    "maps": [3, 4],
                    "dense": 6,
                    "read": 4,
                },
            },
            {
                **SMALL_IMAGES,
                "images": SMALL_IMAGES["images"] | HELD_OUT,
                "latents": {"noise": 2, "categorical": [], "uniform": 2, "distribution": "normal"},
                "generator": {
                    "network": "infogan",
                    "dense": 0,
                    "maps": [4, 3, 3],
                    "strides": [2, 1, 2],
                    "plain": 1,
                    "units": "signed",
                },
                "discriminator": {
                    "network": "infogan-discriminator",
                    "maps": [3, 4],
                    "strides": [2, 1],
                    "dense": 0,
                    "read": 4,
                    "deviation": 1.0,
                    "units": "signed",
                },
                "scored_as": "normal",
                "average_decay": 0.5,
                "precision": "bf16",
            },
            {
                **SMALL_IMAGES,
                "images": SMALL_IMAGES["images"] | HELD_OUT,
                "latents": {"noise": 2, "categorical": [3], "uniform": 0},
                "views": {"scale": 1.5},
                "generator": {"network": "infogan", "dense": 6, "maps": [4, 3]},
                "discriminator": {"network": "infogan-discriminator", "maps": [3, 4]},
            },
        ],
    ),
    "lapgan": (
        labelled_images,
        [
            {
                **SMALL_IMAGES,
                "sizes": [4, 8],
                "classes": 3,
                "coarsest_generator": {"hidden": [6, 5]},
                "coarsest_discriminator": {"hidden": [5, 4]},
                "finer_generator": {"planes": [3, 3]},
                "finer_discriminator": {"planes": 8, "kernel": 3},
                "nearest_images": 1,
                "nearest_samples": 2,
            },
            {
                **SMALL_IMAGES,
                "sizes": [4, 8],
                "level": 8,
                "units": "signed",
                "blurred": True,
                "finer_generator": {"planes": [6], "kernels": [3, 3]},
                "finer_discriminator": {"planes": 8, "kernel": 3},
                "nearest_images": 1,
                "nearest_samples": 2,
                "precision": "bf16",
            },
            {
                **SMALL_IMAGES,
                "images": {"size": [14, 14], "channels": 1},
                "sizes": [7, 14],
                "level": 14,
                "coarsest_generator": {"hidden": [6, 5]},
                "coarsest_discriminator": {"hidden": [5, 4]},
                "finer_generator": {"network": "large-detail-generator"},
                "finer_discriminator": {"network": "large-detail-discriminator"},
                "nearest_images": 1,
                "nearest_samples": 2,
            },
        ],
    ),
    "conditional-gan": (
        labelled_images,
        [
            {
                **SMALL_IMAGES,
                "classes": 3,
                "generator": {
                    "network": "labelled-generator",
                    "latent": 4,
                    "dense": 6,
                    "maps": [4, 3],
                },
                "discriminator": {
                    "network": "labelled-discriminator",
                    "latent": 4,
                    "dense": 6,
                    "maps": [4, 3],
                },
                "batch_size": 4,
            },
            {
                **SMALL_IMAGES,
                "classes": 3,
                "generator": {"network": "dense-generator", "latent": 4, "hidden": [8, 6]},
                "discriminator": {
                    "network": "dense-discriminator",
                    "hidden": [16, 12],  # rectified: of fewer, dropout may leave none
                    "pieces": 1,
                    "input_dropout": 0.0,
                    "dropout": 0.0,
                },
                "shown": "halves",
                "batch_size": 8,
            },
        ],
    ),
    "frames": (
        videos,
        [
            {
                "generator": {
                    "network": "motion",
                    "widths": [4, 4],
                    "blocks": [1, 1],
                    "refined_width": 4,
                    "refined_blocks": 1,
                },
                "discriminators": {"network": "patch-discriminators", "maps": [4, 4]},
                "clips": {"crop": [32, 32]},
                "precision": "bf16",
            },
            {
                "generator": {
                    "network": "multiscale",
                    "maps": [[4, 4], [4, 4]],
                    "kernels": [[3, 3, 3], [3, 3, 3]],
                },
                "discriminators": {
                    "network": "multiscale-discriminators",
                    "maps": [[4], [4]],
                    "kernels": [[3], [3]],
                    "pooling": [1, 2],
                    "hidden": [[8], [8]],
                },
                "generator_optimizer": {"kind": "sgd"},
                "clips": {"crop": [32, 32]},
                "shared_batches": False,
                "precision": "fp32",
            },
        ],
    ),
    "inpaint": (
        photographs,
        [
            {
                "generator": {
                    "network": "inpainting",
                    "widths": [4, 4],
                    "blocks": [1, 1],
                    "fine_width": 4,
                    "hole_px": 16,
                    "context_px": 8,
                },
                "discriminator": {"network": "inpainting-discriminator", "maps": [4, 4]},
                "losses": {"adversarial": 0.1, "feature_matching": 0.1},
                "photos": {"crop": [32, 32]},
                "precision": "bf16",
            },
            {
                "generator": {
                    "network": "context-encoder",
                    "encoder_maps": [4, 4, 4],
                    "bottleneck": 8,
                    "decoder_maps": [4, 4],
                    "hole_px": 12,
                },
                "discriminator": {"network": "context-discriminator", "maps": [4, 4]},
                "losses": {"overlap_px": 2, "mean_over": "painted", "judged": "painted"},
                "photos": {"crop": [32, 32]},
                "masks": {"kinds": {"centre": 1}, "centre_share": 0.375},
                "validation_masks": ["centre"],
                "average_decay": 0.0,
                "stale_discriminator": True,
                "precision": "fp32",
            },
        ],
    ),
}
"""By system: what makes its data, and settings of one run or more."""
