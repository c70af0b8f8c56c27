import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pipelines.inpaint.verification import Verification, verified
from predictor.holes import Box
from predictor.media.photographs.opening import open_photograph
from predictor.media.photographs.photograph import Photograph, Saving

HEIGHT, WIDTH = 37, 53
HOLE = Box(10, 20, 15, 28)


def painted(tmp_path: Path, data: bytes, target: Any) -> Photograph:
    """Return `data`, to be written as `target`, with the hole painted white."""
    path = tmp_path / "a.file"
    path.write_bytes(data)
    photograph = open_photograph(path, Saving(target))
    image = torch.ones(3, HOLE.height, HOLE.width)
    photograph.canvases[0].paint(HOLE, image, image[:1])
    return photograph


def comparison(photograph: Photograph) -> Verification:
    missing = np.zeros((HEIGHT, WIDTH), bool)
    missing[HOLE.rows, HOLE.columns] = True
    return verified(photograph.data, photograph.encoded(), missing)


def netpbm(kind: int, most: int) -> bytes:
    """Return a PGM or PPM whose samples go through its range."""
    samples = np.arange(HEIGHT * WIDTH * (1 if kind in (2, 5) else 3)) * 41 % (most + 1)
    content = samples.astype(np.uint8 if most <= 255 else ">u2").tobytes()
    if kind in (2, 3):
        content = " ".join(map(str, samples)).encode() + b"\n"
    return b"P%d %d %d %d\n" % (kind, WIDTH, HEIGHT, most) + content


@pytest.mark.parametrize("target", ["png", "tiff", "webp", "keep"])
@pytest.mark.parametrize("most", [100, 1000, 1023, 65535])
@pytest.mark.parametrize("kind", [2, 3, 5, 6])
def test_a_pgm_or_ppm_of_any_range_is_verified_in_every_format(
    tmp_path: Path, kind: int, most: int, target: Any
) -> None:
    photograph = painted(tmp_path, netpbm(kind, most), target)
    found = comparison(photograph)
    assert found.known_pixels == HEIGHT * WIDTH - HOLE.height * HOLE.width
    if photograph.keeps == "samples":
        assert found.changed_pixels == 0
    else:
        assert (target, most > 255) == ("webp", True)
        assert found.largest_difference <= 1


@pytest.mark.parametrize("most", [100, 1000])
def test_a_changed_level_of_a_pgm_is_found(most: int) -> None:
    data = netpbm(5, most)
    changed = data[:-1] + bytes([data[-1] ^ 1])
    found = verified(data, changed, np.zeros((HEIGHT, WIDTH), bool))
    assert found.changed_pixels == 1


@pytest.mark.parametrize("target", ["webp", "tiff", "keep"])
@pytest.mark.parametrize("key", [0, 1])
@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_a_grey_that_stands_for_transparency_is_verified(
    tmp_path: Path, depth: int, key: int, target: Any
) -> None:
    numbers = np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH) % (1 << depth)
    rows = [np.packbits((row[:, None] >> np.arange(depth)[::-1]) & 1) for row in numbers]
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", WIDTH, HEIGHT, depth, 0, 0, 0, 0)),
        (b"tRNS", struct.pack(">H", key)),
        (b"IDAT", zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))),
        (b"IEND", b""),
    ]
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(held)) + kind + held + struct.pack(">I", zlib.crc32(kind + held))
        for kind, held in parts
    )
    photograph = painted(tmp_path, data, target)
    assert photograph.keeps == "samples"
    assert comparison(photograph).changed_pixels == 0
