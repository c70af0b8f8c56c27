"""A small U-Net and its parts, for networks that correct a classical estimate."""

import itertools
from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional


class UNet(nn.Module):
    """Residual blocks on the way down and up, with skip connections; each level halves the size.

    Takes planes ``(N, planes, H, W)``, H and W multiples of ``2 ** (len(widths) - 1)``, and returns
    features ``(N, widths[0], H, W)``. `widths` and `blocks` are the channels and residual blocks of
    each level. Further features may be added at `extra_level`, 0 being the finest. With
    `sees_everywhere` the coarsest features get a term computed from their mean over the image.
    """

    def __init__(
        self,
        planes: int,
        widths: Sequence[int],
        blocks: Sequence[int],
        *,
        extra_level: int | None = None,
        sees_everywhere: bool = False,
    ) -> None:
        super().__init__()
        self.extra_level = extra_level
        self.stem = nn.Conv2d(planes, widths[0], 3, padding=1)
        self.down = nn.ModuleList(
            nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in itertools.pairwise(widths)
        )
        self.up = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in itertools.pairwise(widths))
        self.everywhere = None
        if sees_everywhere:
            self.everywhere = nn.Sequential(
                nn.Conv2d(widths[-1], widths[-1], 1),
                nn.LeakyReLU(0.1),
                nn.Conv2d(widths[-1], widths[-1], 1),
            )
        self.on_the_way_down = nn.ModuleList(
            residual_stack(w, n) for w, n in zip(widths, blocks, strict=True)
        )
        self.on_the_way_up = nn.ModuleList(
            residual_stack(w, n) for w, n in zip(widths[:-1], blocks[:-1], strict=True)
        )

    def forward(self, planes: Tensor, extra: Tensor | None = None) -> Tensor:
        """Return the features; `extra` ``(N, widths[extra_level], h, w)`` is added at its level."""
        x = self.stem(planes)
        kept = []
        for level, blocks in enumerate(self.on_the_way_down):
            x = blocks(x + extra if extra is not None and level == self.extra_level else x)
            if level < len(self.down):
                kept.append(x)
                x = self.down[level](x)
        if self.everywhere is not None:
            x = x + self.everywhere(x.mean(dim=(2, 3), keepdim=True))
        for level in reversed(range(len(self.up))):
            x = kept[level] + upsampled(self.up[level](x), 2)
            x = self.on_the_way_up[level](x)
        return x


class Residual(nn.Module):
    """Two convolutions of 3 × 3 added to their input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return features of the same shape."""
        return x + self.second(
            functional.leaky_relu(self.first(functional.leaky_relu(x, 0.1)), 0.1)
        )


def residual_stack(width: int, count: int) -> nn.Sequential:
    """Return `count` residual blocks."""
    return nn.Sequential(*(Residual(width) for _ in range(count)))


def zeroed(layer: nn.Conv2d) -> nn.Conv2d:
    """Return `layer` with all weights 0, so that it corrects nothing before it is trained."""
    nn.init.zeros_(layer.weight)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer


def upsampled(planes: Tensor, factor: int) -> Tensor:
    """Return planes ``(N, C, H, W)`` enlarged by `factor`, bilinear."""
    if factor == 1:
        return planes
    return functional.interpolate(planes, scale_factor=factor, mode="bilinear", align_corners=False)
