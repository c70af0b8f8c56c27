"""The tensor contract that every public function keeps.

Images are ``(N, C, H, W)``, clips ``(N, T, C, H, W)``, masks ``(N, 1, H, W)`` with 1 = missing; all
float32, RGB, in [-1, 1]. Sizes are ``(height, width)``. Discriminators return logits. Flows are
``(N, 2, H, W)`` in pixels, channel 0 along x (to the right) and channel 1 along y (down).
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from predictor.errors import TensorContractError

IMAGE_RANGE = (-1.0, 1.0)
"""The range of public images and clips."""

PSNR_CAP_DB = 60.0
"""Upper bound of PSNR and sharpness in reports, where equal images would reach infinity."""

FARTHEST_VALUE = 2.0
"""The largest magnitude taken for that of a picture in [-1, 1]: resampling overshoots by less."""

DIFFERENCE_GAIN = 4
"""Factor by which `shown_difference` amplifies a difference."""


def require_images(images: Tensor, name: str = "images", channels: int | None = 3) -> Tensor:
    """Return `images` unchanged if it is a float tensor ``(N, C, H, W)``.

    Raises `TensorContractError` otherwise; ``channels=None`` takes any number of channels.
    """
    _require(images, name, "(N, C, H, W)", channels)
    return images


def require_clip(clip: Tensor, name: str = "clip", channels: int | None = 3) -> Tensor:
    """Return `clip` unchanged if it is a float tensor ``(N, T, C, H, W)``.

    Raises `TensorContractError` otherwise; ``channels=None`` takes any number of channels.
    """
    _require(clip, name, "(N, T, C, H, W)", channels)
    return clip


def require_masks(masks: Tensor, images: Tensor, name: str = "masks") -> Tensor:
    """Return `masks` unchanged if it is a float tensor ``(N, 1, H, W)`` that fits `images`.

    `images` are ``(N, C, H, W)``. Raises `TensorContractError` otherwise.
    """
    _require(masks, name, "(N, 1, H, W)", 1, "1 where a pixel is missing")
    expected = (images.shape[0], 1, *images.shape[-2:])
    if tuple(masks.shape) != expected:
        raise TensorContractError(
            f"{name} have shape {tuple(masks.shape)}, expected {expected} for images of "
            f"{images.shape[-1]}x{images.shape[-2]}"
        )
    return masks


def require_image_range(images: Tensor, name: str = "images") -> Tensor:
    """Return `images` unchanged if its values are finite and those of pictures in [-1, 1].

    A little more is let pass, since resampling overshoots. Raises `TensorContractError` for what
    was left in [0, 255], say. Waits for the device.
    """
    least, greatest = (float(value) for value in torch.aminmax(images.detach()))
    if math.isfinite(least + greatest):
        if max(-least, greatest) > FARTHEST_VALUE:
            raise TensorContractError(
                f"{name} goes from {least:.4g} to {greatest:.4g}, expected [-1, 1]"
            )
        return images
    raise TensorContractError(f"{name} has values that are not finite, expected [-1, 1]")


def require_shape(images: Tensor, shape: tuple[int, int, int]) -> None:
    """Raise `TensorContractError` unless `images` are ``(N, *shape)``."""
    if tuple(images.shape[1:]) != shape:
        raise TensorContractError(f"images are {tuple(images.shape)}, expected (N, *{shape})")


def require_pictures(images: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """Return `images` ``(N, *shape)`` in [-1, 1] as float32.

    Raises `TensorContractError` for anything else.
    """
    require_shape(require_images(images, channels=None), shape)
    return require_image_range(images).float()


def missing_pixels(masks: Tensor, images: Tensor) -> Tensor:
    """Return which pixels of `images` ``(N, 3, H, W)`` are missing, ``(N, 1, H, W)`` bool.

    Those that `masks` ``(N, 1, H, W)`` give more than one half. Raises `TensorContractError` for
    masks that do not fit or leave nothing of an image, and for known pixels that are none of a
    picture in [-1, 1].
    """
    require_masks(masks, require_images(images))
    if masks.isnan().any():
        raise TensorContractError("masks have values that are not numbers, expected 0 to 1")
    missing = masks > 0.5
    if missing.flatten(1).all(1).any():
        raise TensorContractError("a mask covers its whole image: nothing is left to fill from")
    require_image_range(images.masked_fill(missing.to(images.device), 0))
    return missing


def constants(like: Tensor, values: Sequence[float]) -> Tensor:
    """Return `values` as a vector with the type and device of `like`, without a copy from the host.

    Such a copy makes the host wait for a GPU, and cannot be recorded in a CUDA graph.
    """
    return torch.stack([like.new_full((), value) for value in values])


def _require(
    tensor: Tensor, name: str, layout: str, channels: int | None, values: str = "in [-1, 1]"
) -> None:
    if not isinstance(tensor, Tensor):
        raise TensorContractError(f"{name} is a {type(tensor).__name__}, expected a torch.Tensor")
    shape = tuple(tensor.shape)
    if tensor.ndim != layout.count(",") + 1:
        raise TensorContractError(f"{name} has shape {shape}, expected {layout}")
    if not tensor.is_floating_point():
        raise TensorContractError(f"{name} is {tensor.dtype}, expected floating point, {values}")
    if channels is not None and tensor.shape[-3] != channels:
        raise TensorContractError(f"{name} has {tensor.shape[-3]} channels, expected {channels}")
    if 0 in shape:
        raise TensorContractError(f"{name} is empty: its shape is {shape}")


def rescaled(
    tensor: Tensor, source: tuple[float, float], target: tuple[float, float] = IMAGE_RANGE
) -> Tensor:
    """Return `tensor` mapped linearly from the range `source` to the range `target`."""
    if source == target:
        return tensor
    scale = (target[1] - target[0]) / (source[1] - source[0])
    return (tensor - source[0]) * scale + target[0]


def shown_difference(first: Tensor, second: Tensor) -> Tensor:
    """Return the absolute difference of two images in [-1, 1], amplified, as an image in [-1, 1].

    It is black where they are equal and white from a difference of a quarter of the range.
    """
    return (DIFFERENCE_GAIN * (first - second).abs() - 1).clamp(-1, 1)


def frames_as_channels(clip: Tensor) -> Tensor:
    """Return a clip ``(N, T, C, H, W)`` as images ``(N, T*C, H, W)``, oldest frame first."""
    return clip.flatten(1, 2)


def padded_to_multiple(images: Tensor, multiple: int) -> Tensor:
    """Return `images` ``(..., C, H, W)`` padded below and on the right by repeating the edges.

    Height and width become the next multiples of `multiple`; undo it with ``[..., :H, :W]``.
    """
    height, width = images.shape[-2:]
    below, right = -height % multiple, -width % multiple
    if not below and not right:
        return images
    flat = images.reshape(-1, *images.shape[-3:])
    padded = functional.pad(flat, (0, right, 0, below), mode="replicate")
    return padded.reshape(*images.shape[:-2], height + below, width + right)
