"""The public interface to frame generators: a clip in, any number of next frames out."""

from typing import Any

import torch
from torch import Tensor, nn

from predictor.cadence import CONTEXT_FRAMES, Cadence, clip_cadence
from predictor.devices import computing, moved
from predictor.errors import NotEnoughFrames, require_whole
from predictor.tensors import (
    IMAGE_RANGE,
    padded_to_multiple,
    require_clip,
    require_image_range,
    rescaled,
)

FEWEST_FRAMES = 2
"""A single frame shows no motion."""


class FramePredictor:
    """Predicts the next frames of clips with a generator of the system ``frames``.

    Clips are ``(N, T, 3, H, W)`` in [-1, 1], of any size, with two frames or more, of which the
    last `context_frames` are used. Each predicted frame is appended to the clip to predict the next
    (Mathieu et al. 2016, section 4). Where frames repeat in a rhythm, the repeats are hidden from
    the network, and the predicted frames repeat in the same rhythm.
    """

    context_frames = CONTEXT_FRAMES

    def __init__(
        self,
        network: nn.Module,
        device: torch.device | str | None = None,
        use_bfloat16: bool = False,
    ) -> None:
        self.device = moved(network, device)
        self.network: Any = network.eval()
        self.use_bfloat16 = use_bfloat16
        remembers = getattr(network, "memory", None)
        self._memory: Any = remembers() if remembers else None

    @torch.no_grad()
    def predict(self, clip: Tensor, count: int = 1, follows_cadence: bool = True) -> Tensor:
        """Return the next `count` frames ``(N, count, 3, H, W)`` of `clip`, on its device.

        Without `follows_cadence` repeated frames are frames as others, as published tests have it.
        Raises `NotEnoughFrames` if there are fewer than two frames, `SettingsError` for a count
        that is no whole number from 1 on, and `TensorContractError` for another shape or range.
        """
        count = require_whole("count", count)
        require_clip(clip)
        if clip.shape[1] < FEWEST_FRAMES:
            raise NotEnoughFrames(
                f"clip has {clip.shape[1]} frame, a prediction needs at least {FEWEST_FRAMES}"
            )
        clip = clip[:, -self.context_frames :]
        require_image_range(clip, "clip")
        clip = clip.float()
        as_it_is = Cadence((False,) * clip.shape[1], None)
        cadences = [clip_cadence(example) if follows_cadence else as_it_is for example in clip]
        if len(set(cadences)) == 1:
            return self._predicted(clip, count, cadences[0])
        parts = zip(clip.chunk(len(clip)), cadences, strict=True)
        return torch.cat([self._predicted(part, count, cadence) for part, cadence in parts])

    def _predicted(self, clip: Tensor, count: int, cadence: Cadence) -> Tensor:
        height, width = clip.shape[-2:]
        frames = [clip[:, place].to(self.device) for place in cadence.distinct]
        if len(frames) < FEWEST_FRAMES:
            frames = [*clip[:, -FEWEST_FRAMES:].to(self.device).unbind(1)]
        predicted: list[Tensor] = []
        for ahead in range(1, count + 1):
            if not cadence.will_repeat(ahead):
                frames.append(self._next(frames)[..., :height, :width])
            predicted.append(frames[-1].to(clip.device))
        return torch.stack(predicted, dim=1)

    def _next(self, frames: list[Tensor]) -> Tensor:
        wanted = self.network.context
        context = [*[frames[0]] * (wanted - len(frames)), *frames[-wanted:]]
        with computing(self.device, self.use_bfloat16):
            if self._memory is not None:
                return self.network.next_frame(context, self._memory).float()
            clip = padded_to_multiple(torch.stack(context, dim=1), self.network.multiple)
            clip = rescaled(clip, IMAGE_RANGE, self.network.pixel_range)
            prediction = self.network(clip)[-1]
        return rescaled(prediction.float(), self.network.pixel_range, IMAGE_RANGE).clamp(-1, 1)
