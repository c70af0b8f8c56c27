"""Photograph files of every kind, made here, with everything in them that a file can carry."""

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import PIL.Image
import PIL.ImageCms
import PIL.PngImagePlugin
import torch
from torch import Tensor

from predictor.holes import Box
from predictor.media.photographs.photograph import Photograph

Pixels = npt.NDArray[Any]

HEIGHT, WIDTH = 61, 83
HOLE = Box(20, 30, 37, 51)
"""Of the displayed picture; it begins and ends inside of blocks of 8 and 16."""

PROFILE = PIL.ImageCms.ImageCmsProfile(PIL.ImageCms.createProfile("sRGB")).tobytes()
XMP = b'<?xpacket begin="" id="W5M0"?><x:xmpmeta xmlns:x="adobe:ns:meta/"/><?xpacket end="w"?>'


def smooth(
    channels: int, dtype: type = np.uint8, size: tuple[int, int] = (HEIGHT, WIDTH)
) -> Pixels:
    """Return a picture like a photograph: smooth, with some grain, all channels different."""
    y, x = np.mgrid[: size[0], : size[1]]
    waves = [
        0.5 + 0.35 * np.sin(x / (9 + 3 * k) + k) * np.cos(y / (13 - 2 * k) - k)
        for k in range(channels)
    ]
    grain = np.random.default_rng(channels).normal(0, 0.01, (*size, channels))
    most = np.iinfo(dtype).max
    pixels = np.rint((np.stack(waves, -1) + grain).clip(0, 1) * most).astype(dtype)
    return pixels[..., 0] if channels == 1 else pixels


def exif(orientation: int = 1) -> bytes:
    """Return EXIF with an orientation and a maker's note of odd bytes."""
    tags = PIL.Image.Exif()
    tags[0x0112] = orientation
    tags[0x010F] = "Maker"
    tags[0x9286] = b"a comment \x00\xff\xd9"
    return tags.tobytes()


def exif_with_thumbnail(order: str = ">", is_jpeg: bool = True) -> bytes:
    """Return EXIF with a second directory, whose picture is a JPEG or without compression.

    It says no orientation: Pillow would write its tags anew for AVIF, without the picture.
    """
    thumbnail = by_pillow(PIL.Image.fromarray(smooth(3, size=(16, 16))), "JPEG")
    if not is_jpeg:
        thumbnail = smooth(3, size=(16, 16)).tobytes()
    short, place = 3, 8 + 2 + 12 + 4
    end = place + 2 + 2 * 12 + 4
    first, length = (513, 514) if is_jpeg else (273, 279)
    return (
        b"Exif\0\0"
        + {">": b"MM\0*", "<": b"II*\0"}[order]
        + struct.pack(f"{order}I", 8)
        + struct.pack(f"{order}HHHIHxxI", 1, 0x0128, short, 1, 2, place)
        + struct.pack(f"{order}HHHIIHHIII", 2, first, 4, 1, end, length, 4, 1, len(thumbnail), 0)
        + thumbnail
    )


def jpeg(
    mode: str = "RGB", orientation: int = 1, pixels: Pixels | None = None, **options: Any
) -> bytes:
    """Return a JPEG with profile, EXIF, XMP, resolution and comment."""
    counts = {"L": 1, "RGB": 3, "CMYK": 4, "YCCK": 4}
    pixels = smooth(counts[mode]) if pixels is None else pixels
    height, width = pixels.shape[:2]
    picture = (
        PIL.Image.frombytes("CMYK", (width, height), pixels.tobytes())
        if counts[mode] == 4
        else PIL.Image.fromarray(pixels)
    )
    options = {"quality": 90, "dpi": (300, 300), "comment": b"by hand"} | options
    stream = io.BytesIO()
    picture.save(stream, "JPEG", icc_profile=PROFILE, exif=exif(orientation), xmp=XMP, **options)
    data = stream.getvalue()
    if mode == "YCCK":  # the same numbers, said to be luma and chroma of three inks
        place = data.index(b"Adobe") + 11
        data = data[:place] + b"\2" + data[place + 1 :]
    return data


def png(pixels: Pixels, orientation: int = 1, **options: Any) -> bytes:
    """Return a PNG of 8 bits, grey of 16 bits or black and white, with chunks of all sorts."""
    picture = PIL.Image.fromarray(pixels)
    said = PIL.PngImagePlugin.PngInfo()
    said.add_text("Author", "somebody")
    said.add(b"teSt", b"private \x00 bytes", after_idat=True)
    stream = io.BytesIO()
    picture.save(
        stream, "PNG", icc_profile=PROFILE, exif=exif(orientation), dpi=(200, 200), pnginfo=said,
        **options,
    )  # fmt: skip
    return stream.getvalue()


def raw_png(
    pixels: Pixels, colour: int, depth: int, extra: bytes = b"", interlaced: bool = False
) -> bytes:
    """Return a PNG of any colour type, written chunk by chunk, without filters."""
    height, width = pixels.shape[:2]

    def rows(part: Pixels) -> bytes:
        if depth == 16:
            packed = [row.astype(">u2").tobytes() for row in part]
        elif depth == 8:
            packed = [row.tobytes() for row in part]
        else:
            bits = (part[..., None] >> np.arange(depth)[::-1]) & 1
            packed = [np.packbits(row.reshape(-1)).tobytes() for row in bits]
        return b"".join(b"\0" + row for row in packed)

    steps = [(0, 0, 1, 1)]
    if interlaced:
        steps = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2),
                 (1, 0, 2, 1)]  # fmt: skip
    body = b"".join(rows(pixels[top::down, left::across]) for top, left, down, across in steps)
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlaced))
    chunks = [(b"IHDR", head), (b"pHYs", struct.pack(">IIB", 7874, 7874, 1))]
    chunks += [(extra[:4], extra[4:])] if extra else []
    chunks += [(b"IDAT", zlib.compress(body)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in chunks
    )


def deep_png(channels: int) -> bytes:
    """Return a PNG of 16 bits in colour."""
    colours = {2: 4, 3: 2, 4: 6}
    return raw_png(smooth(channels, np.uint16), colours[channels], 16)


def by_pillow(picture: PIL.Image.Image, kind: str, **options: Any) -> bytes:
    """Return `picture` written by Pillow."""
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def tiff(pixels: Pixels, compression: int = 1, predictor: int = 1, order: str = "<", tile: int = 0,
         planar: bool = False, photometric: int | None = None, orientation: int = 1,
         big: bool = False) -> bytes:  # fmt: skip
    """Return a TIFF made strip by strip, two pages of it: the second is a smaller copy."""
    import tifffile

    stream = io.BytesIO()
    kinds = {1: "minisblack", 0: "miniswhite", 3: "rgb", 5: "separated"}
    chosen = kinds[{1: 1, 2: 1, 3: 3, 4: 3}.get(pixels.shape[2] if pixels.ndim == 3 else 1, 1)
                   if photometric is None else photometric]  # fmt: skip
    raw = np.moveaxis(pixels, 2, 0) if planar else pixels
    with tifffile.TiffWriter(stream, bigtiff=big, byteorder=order) as file:
        file.write(
            raw,
            photometric=chosen,
            planarconfig="separate" if planar else ("contig" if pixels.ndim == 3 else None),
            compression={1: None, 8: "zlib"}[compression],
            predictor=predictor == 2,
            tile=(tile, tile) if tile else None,
            rowsperstrip=None if tile else 16,
            description="made by hand",
            software="a test",
            resolution=(240, 240),
            resolutionunit="INCH",
            extratags=[
                (274, 3, 1, orientation, True),
                (34675, 7, len(PROFILE), PROFILE, True),
                (700, 1, len(XMP), XMP, True),
                (65000, 2, 0, "private", True),
            ],
            metadata=None,
        )
        config = "contig" if pixels.ndim == 3 else None
        small = pixels[::2, ::2]
        file.write(small, subfiletype=1, metadata=None, photometric=chosen, planarconfig=config)
    return stream.getvalue()


def decoded(data: bytes) -> Pixels:
    """Return the stored samples by another reader than the one under test: Pillow or OpenCV."""
    picture = PIL.Image.open(io.BytesIO(data))
    if picture.format in ("PNG", "TIFF", "PPM"):
        found = cv2.imdecode(
            np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION
        )
        if found is not None and found.dtype == np.uint16 and found.ndim == 3:
            return found
    return np.array(picture)


def hole_weight(box: Box = HOLE) -> Tensor:
    """Return the weight of a whole box."""
    return torch.ones(1, box.height, box.width)


def paint(
    photograph: Photograph, colour: tuple[float, float, float] = (0.2, -0.4, 0.6), box: Box = HOLE
) -> bytes:
    """Return the file with `box` painted in one colour on its first canvas."""
    image = torch.tensor(colour).view(3, 1, 1).expand(3, box.height, box.width)
    photograph.canvases[0].paint(box, image, hole_weight(box))
    return photograph.encoded()


Made = Callable[[], bytes]
