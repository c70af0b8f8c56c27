"""Random changes of pictures that leave what they show as it is; differentiable."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Generator, Tensor
from torch.nn import functional

from predictor.draws import drawn_rows
from predictor.errors import SettingsError


@dataclass(frozen=True)
class AffineAugmentation:
    """Moves each picture at random, then rotates, shears and scales it about its middle.

    Kornia's ``RandomAffine`` does the same, but draws for the pictures it is given: on several
    ranks these would not be the draws of one process with all of them.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    scale: float = 1.2
    """Height and width, apart, are divided by at most this, or multiplied by it."""

    shear: float = 0.3
    """Rows are shifted against the next by at most this many pixels, either way."""

    rotation_degrees: float = 15.0
    """Largest angle, either way."""

    translation: float = 0.1
    """Largest shift, down and across, as a part of height and width, either way."""

    def __post_init__(self) -> None:
        if self.scale < 1 or min(self.shear, self.rotation_degrees, self.translation) < 0:
            raise SettingsError(
                f"scale is {self.scale}, expected 1 or more; shear {self.shear}, rotation_degrees "
                f"{self.rotation_degrees}, translation {self.translation}, expected 0 or more"
            )

    def augmented(self, images: Tensor) -> Tensor:
        """Return `images` ``(N, C, H, W)``, each changed by amounts of its own, edges repeated.

        Bilinear interpolation; the amounts are uniform, that of the scale in its logarithm, and
        drawn by `drawn_rows`. Float64 stays so, narrower types give float32.
        """

        def draw(rows: int, source: Generator | None) -> Tensor:
            return 2 * torch.rand(rows, 6, generator=source, device=images.device) - 1

        images = images.to(torch.promote_types(images.dtype, torch.float32))
        amounts = drawn_rows(len(images), images.device, draw).to(images)
        origins = self._origins(amounts, (images.shape[-2], images.shape[-1]))
        grid = functional.affine_grid(origins, list(images.shape), align_corners=False)
        return functional.grid_sample(images, grid, padding_mode="border", align_corners=False)

    def _origins(self, amounts: Tensor, size: tuple[int, int]) -> Tensor:
        """Return the maps from pixels to where they come from, ``(N, 2, 3)`` for `affine_grid`.

        `amounts` ``(N, 6)`` are parts, from -1 to 1, of the largest; `size` is in pixels.
        """
        wide, tall, shear, angle, across, down = amounts.unbind(dim=1)
        across, down = 2 * self.translation * across, 2 * self.translation * down
        wide, tall, shear = self.scale**wide, self.scale**tall, self.shear * shear
        angle = angle * math.radians(self.rotation_degrees)
        sine, cosine, aspect = angle.sin(), angle.cos(), size[0] / size[1]
        to_x = [wide * cosine, tall * (shear * cosine - sine) * aspect, across]
        to_y = [wide * sine / aspect, tall * (shear * sine + cosine), down]
        return torch.stack([torch.stack(to_x, dim=1), torch.stack(to_y, dim=1)], dim=1)
