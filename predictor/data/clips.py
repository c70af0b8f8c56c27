"""Training examples: short clips cut out of videos, each a pure function of three numbers."""

from collections.abc import Callable
from typing import Annotated, Literal, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor
from torch.utils.data import Dataset

from predictor.data.footage import Picture
from predictor.data.video_index import VideoIndex
from predictor.data.windows import window_table
from predictor.draws import generator_of

Evidence = Callable[[Tensor], dict[str, Tensor]]

Share = Annotated[float, Field(ge=0, le=1)]

_CROP_CHOICES = 4
"""Places that ``weighted`` chooses from."""

_COARSE_STEP = 4
"""It compares every fourth pixel."""

_STILL_ODDS = 0.5
"""Odds of a still place, against the root mean square change in grey levels of one that moves."""


class ClipSettings(BaseModel):
    """How a training clip is chosen, cut out and varied."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    context_frames: int = Field(4, ge=1)
    """Frames that a network sees."""

    target_frames: int = Field(1, ge=1)
    """Frames after them that it predicts, the later ones from its own predictions."""

    crop: tuple[int, int] = (160, 160)
    """Height and width of a clip in pixels; smaller footage is enlarged to it."""

    strides: tuple[Annotated[int, Field(ge=1)], ...] = Field((1, 2), min_length=1)
    """Steps between frames: 2 makes 30 Hz of 60 Hz footage and doubles every motion."""

    lowest_rate_hz: float = Field(10.0, ge=0)
    """A stride above 1 must leave this rate."""

    scale: tuple[float, float] = (0.5, 1.5)
    """Range of the resizing before the crop, drawn log-uniformly; (1, 1) keeps pixels as they are.
    """

    flip_horizontal: Share = 0.5
    flip_vertical: Share = 0.0
    reverse: Share = 0.2
    """Share of clips that run backwards."""

    gamma: float = Field(0.1, ge=0, lt=1)
    """Exponents are drawn from 1 - gamma to 1 + gamma, the same for a whole clip."""

    brightness: float = Field(0.1, ge=0, lt=1)
    """Factors on pixels in [0, 1] are drawn from 1 - brightness to 1 + brightness."""

    selection: Literal["weighted", "threshold", "any"] = "weighted"
    """``weighted``: windows and crops are likelier the more they move. ``threshold``: any window,
    crops drawn again until they move (Mathieu et al. 2016, official code). ``any``: all alike."""

    threshold: float = Field(0.01, ge=0)
    """m of ``||f_T - f_{T-1}||_2 > sqrt(m * elements)`` on pixels in [-1, 1]."""

    retries: int = Field(25, ge=1)
    """Crops tried by ``threshold``; the last is kept."""

    repeats_share: Share = 0.1
    """Largest share of clips in which footage that moves shows a frame twice."""

    short_context: Share = 0.0
    """Share of clips that begin late, as after a cut: their oldest frames repeat the first one that
    is there. At least two frames of the context stay."""

    windows_per_epoch: int | None = Field(None, ge=1)
    """Clips in an epoch; by default as many as cover all footage once."""

    @model_validator(mode="after")
    def _is_possible(self) -> "ClipSettings":
        if min(self.crop) < 1:
            raise ValueError(f"crop is {self.crop}, expected a height and width of at least 1")
        if not 0 < self.scale[0] <= self.scale[1]:
            raise ValueError(f"scale is {self.scale}, expected 0 < smallest <= largest")
        return self

    @property
    def frames(self) -> int:
        """Number of frames in a clip."""
        return self.context_frames + self.target_frames


class ClipDataset(Dataset[dict[str, Tensor]]):
    """Clips by ``(epoch, number)``: ``{"clip": (T, 3, h, w) float32 in [-1, 1]}``, T = frames.

    `evidence` may add tensors by name that it finds in the context ``(context_frames, 3, h, w)``.
    An item depends on the videos, the settings, `seed` and its key only: not on the items asked
    for before, the worker or the process. Raises `UnusableData` if no window fits the settings.
    """

    def __init__(
        self,
        index: VideoIndex,
        settings: ClipSettings,
        seed: int,
        evidence: Evidence | None = None,
    ) -> None:
        self.index = index
        self.settings = settings
        self.seed = seed
        self.evidence = evidence
        self._table = window_table(
            index,
            settings.frames,
            settings.strides,
            lowest_rate_hz=settings.lowest_rate_hz,
            by_motion=settings.selection == "weighted",
            repeats_share=settings.repeats_share,
        )

    def __len__(self) -> int:
        """Return the number of clips in an epoch."""
        if self.settings.windows_per_epoch is not None:
            return self.settings.windows_per_epoch
        frames = sum(video.frame_count for video in self.index.videos)
        return max(1, frames // self.settings.frames)

    def __getitem__(self, key: tuple[int, int]) -> dict[str, Tensor]:
        """Return the clip with this epoch and number."""
        draws = _Draws.of(self.seed, *key, tries=max(self.settings.retries, _CROP_CHOICES))
        window = self._table.at(draws.window)
        video = self.index.videos[window.video]
        frames = [window.start + step * window.stride for step in range(self.settings.frames)]
        whole = self.index.pictures(video, frames)
        if draws.reverse < self.settings.reverse:
            whole.reverse()
        if draws.short < self.settings.short_context:
            missing = int(draws.beginning * (self.settings.context_frames - 1))
            whole[:missing] = [whole[missing]] * missing
        parts = self._cropped(whole, draws)
        table = _tone_table(
            1 + self.settings.gamma * (2 * draws.gamma - 1),
            1 + self.settings.brightness * (2 * draws.brightness - 1),
        )
        clip = torch.from_numpy(np.stack([cv2.LUT(part, table) for part in parts]))
        flips = [
            dim
            for dim, draw, share in (
                (-1, draws.flip_horizontal, self.settings.flip_horizontal),
                (-2, draws.flip_vertical, self.settings.flip_vertical),
            )
            if draw < share
        ]
        clip = (clip.flip(flips) if flips else clip).contiguous()
        if self.evidence is None:
            return {"clip": clip}
        return {"clip": clip, **self.evidence(clip[: self.settings.context_frames])}

    def _cropped(self, whole: list[Picture], draws: "_Draws") -> list[Picture]:
        """Return the part of every picture that the draws choose, at the size of the crop."""
        height, width = self.settings.crop
        rows, columns = whole[0].shape[1:]
        smallest, largest = self.settings.scale
        scale = smallest * (largest / smallest) ** draws.scale
        scale = max(scale, height / rows, width / columns)
        size = (min(rows, round(height / scale)), min(columns, round(width / scale)))
        top, left = self._place(whole, size, draws)
        parts = [picture[:, top : top + size[0], left : left + size[1]].copy() for picture in whole]
        if size == (height, width):
            return parts
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        resized = np.empty((len(parts), 3, height, width), dtype=np.uint8)
        for place in np.ndindex(len(parts), 3):
            source = parts[place[0]][place[1]]
            cv2.resize(source, (width, height), dst=resized[place], interpolation=method)
        return list(resized)

    def _place(
        self, whole: list[Picture], size: tuple[int, int], draws: "_Draws"
    ) -> tuple[int, int]:
        """Return the top left corner of the part to use."""
        rows, columns = whole[0].shape[1:]
        free = (rows - size[0] + 1, columns - size[1] + 1)
        places = [(int(v * free[0]), int(h * free[1])) for v, h in draws.places]
        if self.settings.selection == "any":
            return places[0]
        step = 1 if self.settings.selection == "threshold" else _COARSE_STEP
        before, last = (picture[:, ::step, ::step] for picture in whole[-2:])
        change = np.square(cv2.absdiff(before.copy(), last.copy()), dtype=np.float32).mean(0)

        def changed(place: tuple[int, int]) -> float:
            """Return the mean squared difference, in grey levels, of the part at `place`."""
            rows = slice(place[0] // step, (place[0] + size[0] - 1) // step + 1)
            columns = slice(place[1] // step, (place[1] + size[1] - 1) // step + 1)
            return float(change[rows, columns].mean())

        if self.settings.selection == "threshold":
            tried = places[: self.settings.retries]
            least = self.settings.threshold * 127.5**2
            return next((place for place in tried if changed(place) > least), tried[-1])
        tried = places[:_CROP_CHOICES]
        odds = np.cumsum([_STILL_ODDS + changed(place) ** 0.5 for place in tried])
        return tried[int(np.searchsorted(odds[:-1], draws.choice * odds[-1], side="right"))]


class _Draws(NamedTuple):
    """All random numbers of one clip, uniform in [0, 1); a setting never shifts another's."""

    window: float
    scale: float
    reverse: float
    flip_horizontal: float
    flip_vertical: float
    gamma: float
    brightness: float
    choice: float
    short: float
    beginning: float
    places: tuple[tuple[float, float], ...]

    @classmethod
    def of(cls, seed: int, epoch: int, number: int, tries: int) -> "_Draws":
        generator = generator_of(seed, epoch, number)
        drawn = torch.rand(10 + 2 * tries, generator=generator, dtype=torch.float64).tolist()
        places = tuple(zip(drawn[10::2], drawn[11::2], strict=True))
        return cls._make([*drawn[:10], places])


def _tone_table(gamma: float, factor: float) -> NDArray[np.float32]:
    """Return what each of 256 levels becomes, in [-1, 1]."""
    levels = np.clip((np.arange(256) / 255) ** gamma * factor, 0, 1)
    return (2 * levels - 1).astype(np.float32)
