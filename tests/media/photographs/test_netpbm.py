import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image
import pytest
from made_photographs import HEIGHT, HOLE, WIDTH, decoded, paint

from predictor.errors import UnreadableImage
from predictor.media.netpbm_head import of_full_range
from predictor.media.photographs.netpbm import netpbm_encoded
from predictor.media.photographs.opening import open_photograph
from predictor.media.photographs.photograph import Photograph, Saving

RANGES = (1, 2, 7, 31, 100, 127, 254, 255, 256, 1000, 1023, 4095, 65534, 65535)
KINDS = {5: 1, 6: 3}
Samples = npt.NDArray[np.integer[Any]]


def opened(tmp_path: Path, data: bytes, target: Any = "keep") -> Photograph:
    path = tmp_path / "a.pnm"
    path.write_bytes(data)
    return open_photograph(path, Saving(target))


def every_level(channels: int, most: int) -> Samples:
    """Return samples that go through the range of the file."""
    count = HEIGHT * WIDTH * channels
    levels = (np.arange(count) * max(1, most // 997)) % (most + 1)
    return levels.reshape(HEIGHT, WIDTH, channels)


def netpbm(kind: int, samples: Samples, most: int, comment: str = "") -> bytes:
    height, width = samples.shape[:2]
    head = f"P{kind}\n{comment}{width} {height}\n{most}\n".encode()
    if kind in (2, 3):
        rows = [" ".join(map(str, row.reshape(-1))) for row in samples]
        return head + "\n".join(rows).encode() + b"\n"
    return head + samples.astype("u1" if most <= 255 else ">u2").tobytes()


def stored(data: bytes, channels: int) -> Samples:
    """Return the samples of a file of bytes, read from its end."""
    most = int(data.split(b"\n", 3)[2])
    width = 1 if most <= 255 else 2
    count = HEIGHT * WIDTH * channels
    samples = np.frombuffer(data[-count * width :], "u1" if width == 1 else ">u2")
    return samples.reshape(HEIGHT, WIDTH, channels)


@pytest.mark.parametrize("most", RANGES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_file_of_any_range_keeps_its_range_and_samples(
    tmp_path: Path, kind: int, most: int
) -> None:
    samples = every_level(KINDS[kind], most)
    data = netpbm(kind, samples, most)
    photograph = opened(tmp_path, netpbm(kind, samples, most, "# 12 34 56\n"))
    assert (photograph.keeps, photograph.notes) == ("samples", ())
    pixels = photograph.canvases[0].pixels()
    expected = samples.transpose(2, 0, 1) / most * 2 - 1
    assert np.abs(pixels.numpy() - expected).max() <= (1.0001 / 255 if most <= 255 else 1 / 65000)
    assert photograph.encoded() == data
    written = paint(photograph, (1, 1, 1))
    assert written.startswith(data[: -samples.size * (1 if most <= 255 else 2)])
    new = stored(written, KINDS[kind]).copy()
    assert (new[HOLE.rows, HOLE.columns] == most).all()
    new[HOLE.rows, HOLE.columns] = samples[HOLE.rows, HOLE.columns]
    assert np.array_equal(new, samples)


@pytest.mark.parametrize("most", RANGES)
def test_levels_return_from_the_full_range(most: int) -> None:
    dtype = np.uint8 if most <= 255 else np.uint16
    every = np.arange(most + 1, dtype=dtype)[None, :, None]
    data = netpbm_encoded(of_full_range(every, most), most)
    assert data == netpbm(5, every, most)


@pytest.mark.parametrize("target", ["png", "tiff"])
@pytest.mark.parametrize("most", [100, 1000, 1023, 65535])
@pytest.mark.parametrize("kind", [2, 3, 5, 6])
def test_other_formats_get_the_full_range(
    tmp_path: Path, kind: int, most: int, target: str
) -> None:
    samples = every_level({2: 1, 3: 3}.get(kind, kind * 2 - 9), most)
    converted = opened(tmp_path, netpbm(kind, samples, most), target)
    assert converted.notes == (f"written as {target.upper()}",)
    found = decoded(converted.encoded()).reshape(samples.shape)
    if most > 255 and samples.shape[2] == 3:
        found = found[..., ::-1]
    full = 255 if most <= 255 else 65535
    assert found.dtype == (np.uint8 if full == 255 else np.uint16)
    assert np.array_equal(found, np.rint(samples / most * full))


@pytest.mark.parametrize("most", [1, 100, 255, 1023])
@pytest.mark.parametrize("kind", [2, 3])
def test_text_becomes_bytes_with_a_note(tmp_path: Path, kind: int, most: int) -> None:
    samples = every_level(1 if kind == 2 else 3, most)
    data = netpbm(kind, samples, most)
    half = len(data) // 2
    cut = half + data[half:].index(b" ")
    photograph = opened(tmp_path, data[:cut] + b"# 5 6\n" + data[cut:].rstrip())
    assert photograph.keeps == "samples"
    assert photograph.notes == (f"P{kind}, which is text, is written as P{kind + 3}",)
    assert photograph.encoded() == netpbm(kind + 3, samples, most)


def test_a_bitmap_of_text_becomes_bytes_with_a_note(tmp_path: Path) -> None:
    samples = every_level(1, 1)
    text = " ".join(map(str, samples.reshape(-1)))
    photograph = opened(tmp_path, f"P1 {WIDTH} {HEIGHT} {text}\n".encode())
    assert photograph.notes == ("P1, which is text, is written as P4",)
    written = PIL.Image.open(io.BytesIO(photograph.encoded()))
    assert np.array_equal(np.array(written), samples[..., 0] == 0)


def test_what_is_damaged_is_refused(tmp_path: Path) -> None:
    whole = netpbm(6, every_level(3, 1023), 1023)
    text = netpbm(3, every_level(3, 1023), 1023)
    for data, message in (
        (whole[:-1], "it was cut off"),
        (whole[:30], "it was cut off"),
        (text[: len(text) // 2], "it was cut off"),
        (text[:-2] + b"x\n", "its samples are no numbers"),
        (text.replace(b" 7 ", b" 1024 ", 1), "it has samples above 1023"),
        (text.replace(b" 7 ", b" 99999999999999999999 ", 1), "it has samples above 1023"),
    ):
        with pytest.raises(UnreadableImage, match=rf"a\.pnm is not a whole picture: {message}"):
            opened(tmp_path, data)
