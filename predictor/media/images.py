"""Still pictures: read any common format at 8 or 16 bits, write PNG, convert to and from uint8."""

import contextlib
import io
import threading
import warnings
from pathlib import Path
from typing import Any, Literal, cast

import cv2
import numpy as np
import numpy.typing as npt
import PIL.Image
import PIL.ImageOps
import torch
from torch import Tensor

from predictor.errors import OutputNotWritten, TensorContractError, UnreadableImage
from predictor.media.damage import DAMAGED, not_whole
from predictor.media.heif import require_decoder
from predictor.media.netpbm_head import netpbm_head, of_full_range

# fmt: off
IMAGE_SUFFIXES = frozenset({
    ".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".webp", ".bmp", ".dib", ".tif", ".tiff",
    ".ppm", ".pgm", ".pbm", ".pnm", ".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx",
    ".avif", ".heic", ".heif", ".hif", ".tga", ".vda", ".icb", ".vst", ".pcx",
    ".sgi", ".rgb", ".rgba", ".bw", ".qoi",
})
VIDEO_SUFFIXES = frozenset({
    ".mp4", ".m4v", ".mov", ".qt", ".f4v", ".3gp", ".3g2", ".mkv", ".mk3d", ".webm",
    ".avi", ".divx", ".gif", ".apng", ".y4m", ".nut", ".ivf", ".ogv", ".ogm",
    ".ts", ".m2t", ".m2ts", ".mts", ".mpg", ".mpeg", ".vob", ".m1v", ".m2v",
    ".flv", ".wmv", ".asf", ".rm", ".rmvb", ".mxf", ".gxf", ".dv", ".mjpg", ".mjpeg",
    ".264", ".h264", ".avc", ".265", ".h265", ".hevc",
})
"""Without ``.ogg``, which is nearly always sound: such a video is read where it is named itself."""
# fmt: on

_Pixels = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
Reduction = Literal[1, 2, 4, 8]
_REDUCED: dict[Reduction, int] = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}
_WIDE_GREY = ("I", "F")
"""How Pillow's modes of grey begin that is wider than 8 bits."""
_AS_STORED = cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH
_PNG_END = b"IEND\xaeB`\x82"
_JPEG_START, _JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"


def is_image_path(path: Path) -> bool:
    """Whether the suffix of `path` is that of a still picture; GIF counts as video."""
    return path.suffix.lower() in IMAGE_SUFFIXES


def is_video_path(path: Path) -> bool:
    """Whether the suffix of `path` is that of a video file."""
    return path.suffix.lower() in VIDEO_SUFFIXES


def read_image(path: Path) -> Tensor:
    """Return the picture at `path` as ``(3, H, W)`` float32 RGB in [-1, 1], upright.

    8 and 16 bits are kept without loss, but of formats that OpenCV does not know, such as HEIC, 8.
    EXIF orientation is applied, alpha is dropped, grey is repeated. Raises `UnreadableImage` for a
    file that is missing, empty, cut off or no picture.
    """
    return from_integers(_decoded(path))


def read_pixels(path: Path, reduction: Reduction = 1) -> npt.NDArray[np.uint8]:
    """Return the picture at `path` as uint8 RGB ``(H, W, 3)``, upright.

    Its sides are divided by `reduction`, which is up to eight times faster for JPEG. Sixteen bits
    become eight, alpha is dropped, grey is repeated. Raises `UnreadableImage` as `read_image` does.
    """
    if reduction > 1 and min(image_size(path)) < reduction:  # OpenCV would leave nothing of it
        return _shrunk(cast(npt.NDArray[np.uint8], _decoded(path, _REDUCED[1])), reduction)
    return cast(npt.NDArray[np.uint8], _decoded(path, _REDUCED[reduction]))


def _shrunk(pixels: npt.NDArray[np.uint8], reduction: Reduction) -> npt.NDArray[np.uint8]:
    height, width = (max(1, side // reduction) for side in pixels.shape[:2])
    smaller = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(smaller, dtype=np.uint8)


def small_picture(content: bytes, path: Path, channels: Literal[1, 3]) -> npt.NDArray[np.uint8]:
    """Return the picture in `content`, the bytes of the file `path`, as uint8 ``(H, W, channels)``.

    It is upright, in RGB or in grey (the luma of a colour picture). 16 bits become eight, alpha is
    dropped. Raises `UnreadableImage` as `read_image` does.
    """
    if channels == 1:
        grey = _decoded_bytes(content, path, cv2.IMREAD_GRAYSCALE)
        return cast(npt.NDArray[np.uint8], grey[..., None])
    pixels = _decoded_bytes(content, path, cv2.IMREAD_COLOR)
    return cast(npt.NDArray[np.uint8], cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB))


def has_transparency(content: bytes) -> bool:
    """Return whether the picture in `content` has pixels that are not opaque.

    False also for what cannot be read.
    """
    if content.startswith(_JPEG_START):
        return False
    try:
        with PIL.Image.open(io.BytesIO(content)) as picture:
            if not picture.has_transparency_data:
                return False
            least, _ = picture.convert("RGBA").getchannel("A").getextrema()
    except DAMAGED:
        return False
    return cast(int, least) < 255


def image_size(path: Path) -> tuple[int, int]:
    """Return the upright ``(height, width)`` of the picture at `path` from its header alone."""
    try:
        with PIL.Image.open(path) as header:
            width, height = header.size
            is_turned = header.getexif().get(0x0112) in (5, 6, 7, 8)
    except DAMAGED:
        height, width = _decoded(path).shape[:2]
        return height, width
    return (width, height) if is_turned else (height, width)


def write_png(path: Path, image: Tensor, compression: int = 1) -> None:
    """Write `image` ``(3, H, W)`` in [-1, 1] as an 8-bit PNG; `compression` is 0 to 9.

    Level 1 is five times faster than the usual level and a tenth larger. Raises
    `OutputNotWritten` where the file system refuses, and for a side of over a million pixels.
    """
    pixels = cv2.cvtColor(to_uint8(image), cv2.COLOR_RGB2BGR)
    is_encoded, encoded = cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, compression])
    if not is_encoded:
        height, width = pixels.shape[:2]
        raise OutputNotWritten(f"{path} was not written: {width}x{height} is too large for PNG")
    try:
        path.write_bytes(encoded.tobytes())
    except OSError as error:
        raise OutputNotWritten(f"{path} was not written: {error.strerror}") from error


def to_uint8(image: Tensor) -> npt.NDArray[np.uint8]:
    """Return `image` ``(3, H, W)`` in [-1, 1] as uint8 RGB ``(H, W, 3)``, rounded and clipped."""
    if image.ndim != 3 or image.shape[0] != 3:
        raise TensorContractError(f"image has shape {tuple(image.shape)}, expected (3, H, W)")
    planes = image.detach().to("cpu", torch.float32).numpy()
    pixels = cv2.merge([planes[0], planes[1], planes[2]])
    # The type conversion of OpenCV rounds to nearest and saturates.
    return np.asarray(cv2.addWeighted(pixels, 127.5, pixels, 0.0, 127.5, dtype=cv2.CV_8U))


def from_uint8(pixels: npt.NDArray[np.uint8]) -> Tensor:
    """Return uint8 RGB ``(H, W, 3)`` as ``(3, H, W)`` float32 in [-1, 1]; undone by `to_uint8`."""
    return from_integers(pixels)


def from_integers(pixels: _Pixels) -> Tensor:
    """Return integer RGB ``(H, W, 3)`` of the full 8 or 16 bits as ``(3, H, W)`` in [-1, 1]."""
    scale = 2.0 / np.iinfo(pixels.dtype).max
    planes = np.empty((3, *pixels.shape[:2]), np.float32)
    for channel, plane in enumerate(planes):
        np.multiply(pixels[..., channel], np.float32(scale), out=plane)
    planes -= 1.0
    return torch.from_numpy(planes)


def _decoded(path: Path, flags: int = _AS_STORED) -> _Pixels:
    """Return the picture as `flags` of OpenCV ask, by default as stored, RGB ``(H, W, 3)``.

    All flags used here also turn it upright by its EXIF orientation.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise UnreadableImage(f"{path} does not exist") from error
    except OSError as error:
        raise UnreadableImage(f"{path} cannot be read: {error.strerror}") from error
    return cast(_Pixels, cv2.cvtColor(_decoded_bytes(data, path, flags), cv2.COLOR_BGR2RGB))


def _decoded_bytes(data: bytes, path: Path, flags: int) -> _Pixels:
    """Return the picture in `data` as OpenCV has it: BGR ``(H, W, 3)`` or grey ``(H, W)``."""
    if not data:
        raise UnreadableImage(f"{path} is empty, expected a picture")
    if not data[-16:].endswith((_PNG_END, _JPEG_END)):
        _require_whole(path, data)
    most = _unscaled_white(data)
    pixels = decoded_by_opencv(data, flags if most is None else flags | cv2.IMREAD_ANYDEPTH)
    if pixels is None:
        require_decoder(data, path)
        pixels = _decoded_by_pillow(data, flags)
    if pixels is None:
        raise UnreadableImage(f"{path} is not a picture that can be decoded")
    if pixels.dtype not in (np.uint8, np.uint16):
        raise UnreadableImage(f"{path} has {pixels.dtype} pixels, expected 8 or 16 bits")
    if most is not None:
        pixels = of_full_range(pixels, most)
        if pixels.dtype == np.uint16 and not flags & cv2.IMREAD_ANYDEPTH:
            pixels = (pixels >> 8).astype(np.uint8)  # as OpenCV reduces 16 bits
    return cast(_Pixels, pixels)


def _unscaled_white(data: bytes) -> int | None:
    """Return the level of white of a PGM or PPM file that OpenCV does not bring to full range."""
    head = netpbm_head(data)
    if head is None or head.most in (255, 65535) or (head.is_text and head.most < 255):
        return None
    return head.most


class _SilentOpenCV:
    """A block without OpenCV's log.

    Its level is one for all threads: the first to enter turns it off, the last to leave back on.
    """

    def __init__(self) -> None:
        self._lock, self._inside, self._level = threading.Lock(), 0, 0

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._level = cv2.utils.logging.setLogLevel(0)
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                cv2.utils.logging.setLogLevel(self._level)


_silent_opencv = _SilentOpenCV()


def decoded_by_opencv(data: bytes, flags: int) -> npt.NDArray[Any] | None:
    """Return the picture in `data` as OpenCV has it, without its log; None if it cannot."""
    try:
        with _silent_opencv:
            pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        return None
    return None if pixels is None else np.asarray(pixels)


def _decoded_by_pillow(data: bytes, flags: int) -> npt.NDArray[np.uint8] | None:
    """Return the picture in `data` as OpenCV would have it; None if Pillow cannot decode it either.

    Its sides are divided as Pillow rounds, up.
    """
    reduction = next((by for by, flag in _REDUCED.items() if by > 1 and flag == flags), 1)
    with warnings.catch_warnings(), contextlib.suppress(*DAMAGED):
        warnings.simplefilter("ignore")
        with PIL.Image.open(io.BytesIO(data)) as picture:
            if picture.mode.startswith(_WIDE_GREY):  # which Pillow would cut off at 255
                return None
            upright = PIL.ImageOps.exif_transpose(picture).convert("RGB")
            return _as_opencv_has_it(upright.reduce(reduction), flags)
    return None


def _as_opencv_has_it(picture: PIL.Image.Image, flags: int) -> npt.NDArray[np.uint8]:
    to = cv2.COLOR_RGB2GRAY if flags == cv2.IMREAD_GRAYSCALE else cv2.COLOR_RGB2BGR
    return np.asarray(cv2.cvtColor(np.asarray(picture), to), np.uint8)


def _require_whole(path: Path, data: bytes) -> None:
    """Raise `UnreadableImage` for a file that is cut off: some decoders would fill up with grey."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with PIL.Image.open(io.BytesIO(data)) as picture:
                picture.load()
        except PIL.UnidentifiedImageError:
            return  # OpenCV knows other formats
        except DAMAGED as error:
            raise not_whole(path, error) from error
