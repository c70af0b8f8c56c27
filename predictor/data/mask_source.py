"""Which masks a run is trained with."""

from pathlib import Path
from typing import Annotated, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Generator, Tensor

from predictor.data.mask_files import MaskFiles
from predictor.data.masks import ShapeKind, drawn_mask

MaskKind = ShapeKind | Literal["files"]


class MaskSettings(BaseModel):
    """Which masks are drawn, and how often."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kinds: dict[MaskKind, Annotated[float, Field(ge=0)]] = {
        "strokes": 0.35,
        "scratches": 0.15,
        "blobs": 0.12,
        "boxes": 0.13,
        "centre": 0.25,
    }
    """How often each kind is drawn, relative to the others; see `drawn_mask`. ``files`` are your
    own, from `folder`."""

    area: tuple[float, float] = (0.02, 0.5)
    """Smallest and largest share of the image that is missing; ``centre`` keeps its size."""

    centre_share: float = Field(0.5, gt=0, lt=1)
    """Side of the square of ``centre``, as a share of the image's shorter side."""

    folder: Path | None = None
    """Your own masks, a tree of pictures whose light pixels are missing. They are cut, turned and
    mirrored at random, and half of what is drawn unless `kinds` says otherwise."""

    @model_validator(mode="after")
    def _is_possible(self) -> "MaskSettings":
        low, high = self.area
        if not 0 <= low < high <= 1:
            raise ValueError(f"area is {self.area}, expected 0 <= smallest < largest <= 1")
        if not sum(self.kinds.values()) > 0:
            raise ValueError(f"kinds is {self.kinds}, expected one above 0")
        if self.kinds.get("files", 0) > 0 and self.folder is None:
            raise ValueError("kinds has files, but folder names none")
        return self

    @property
    def odds(self) -> dict[MaskKind, float]:
        """How often each kind is drawn; the sum is 1."""
        odds = {kind: weight for kind, weight in self.kinds.items() if weight > 0}
        if self.folder is not None and "files" not in self.kinds:
            odds["files"] = sum(odds.values())
        total = sum(odds.values())
        return {kind: weight / total for kind, weight in odds.items()}


class MaskSource:
    """Draws masks as settings say. Raises `UnusableData` if their folder has no masks."""

    def __init__(self, settings: MaskSettings) -> None:
        self.settings = settings
        self.files = MaskFiles(settings.folder) if settings.folder is not None else None

    def drawn(self, size: tuple[int, int], generator: Generator) -> Tensor:
        """Return a mask ``(1, H, W)`` of `size`, 1 where a pixel is missing."""
        settings, odds = self.settings, self.settings.odds
        weights = torch.tensor(list(odds.values()))
        kind = list(odds)[int(torch.multinomial(weights, 1, generator=generator))]
        if kind == "files":
            assert self.files is not None
            return self.files.drawn(size, settings.area, generator)
        return drawn_mask(kind, size, settings.area, generator, settings.centre_share)
