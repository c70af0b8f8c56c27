"""Folders of small photographs, made here, and what they look like when they are filled."""

from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image

HEIGHT, WIDTH = 48, 64

Pixels = np.ndarray[Any, np.dtype[np.uint8]]


def scene(number: int = 0) -> Pixels:
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    waves = [0.5 + 0.3 * np.sin(x / (9 + k) + number) * np.cos(y / 11 + k) for k in range(3)]
    return np.rint(np.stack(waves, -1) * 255).astype(np.uint8)


def photograph(path: Path, number: int = 0, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    PIL.Image.fromarray(scene(number)).save(path, **options)
    return path


def hole(path: Path, top: int = 10, left: int = 20, side: int = 16) -> Path:
    """Write a mask of a square."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.zeros((HEIGHT, WIDTH), np.uint8)
    pixels[top : top + side, left : left + side] = 255
    PIL.Image.fromarray(pixels).save(path)
    return path


def pixels_of(path: Path) -> Pixels:
    with PIL.Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def format_of(path: Path) -> str | None:
    with PIL.Image.open(path) as picture:
        return picture.format


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file below `folder` but the manifest."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "inpaint.jsonl"
    }
