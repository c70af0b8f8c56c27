import errno
import struct
import sys
import threading
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import pytest
import torch
from made_videos import smooth_picture

from predictor.errors import OutputNotWritten, TensorContractError, UnreadableImage
from predictor.media import images
from predictor.media.heif import require_decoder
from predictor.media.images import (
    Reduction,
    from_integers,
    from_uint8,
    image_size,
    is_image_path,
    is_video_path,
    read_image,
    read_pixels,
    small_picture,
    to_uint8,
    write_png,
)


def gradient(height: int = 48, width: int = 64) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Return RGB whose channels, rows and columns all differ."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 3, y * 4, (x + y) * 2], -1).astype(np.uint8)


def test_all_levels_survive_the_way_there_and_back() -> None:
    levels = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    image = from_uint8(levels)
    assert np.array_equal(to_uint8(image), levels)
    assert image[:, 0, 0].tolist() == [-1, -1, -1]
    assert image[:, -1, -1].tolist() == [1, 1, 1]


def test_all_levels_of_16_bits_stay_apart() -> None:
    levels = np.arange(65536, dtype=np.uint16).reshape(256, 256, 1).repeat(3, 2)
    image = from_integers(levels)
    back = torch.round((image.double() + 1) * 32767.5).numpy()
    assert np.array_equal(back.transpose(1, 2, 0), levels)


def test_floats_are_rounded_to_nearest_and_clipped() -> None:
    values = torch.tensor([-7.0, -1.0, 0.49 / 127.5 - 1, 0.51 / 127.5 - 1, 1.0, 9.0])
    assert to_uint8(values.expand(3, 1, 6))[0, :, 0].tolist() == [0, 0, 0, 1, 255, 255]


def test_channels_keep_their_order_through_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    image = from_uint8(gradient())
    write_png(path, image)
    with PIL.Image.open(path) as picture:  # another implementation reads what we wrote
        assert np.array_equal(np.asarray(picture), gradient())
    assert torch.equal(read_image(path), image)


def test_to_uint8_refuses_other_shapes() -> None:
    with pytest.raises(TensorContractError, match=r"\(4, 8, 8\), expected \(3, H, W\)"):
        to_uint8(torch.zeros(4, 8, 8))


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_16_bits_are_read_without_loss(tmp_path: Path, suffix: str) -> None:
    pixels = (gradient().astype(np.uint16) << 8) + 77
    path = tmp_path / f"deep{suffix}"
    cv2.imwrite(str(path), pixels[..., ::-1])
    stored = (read_image(path).double() + 1) * 32767.5
    assert np.array_equal(stored.round().numpy().transpose(1, 2, 0), pixels)


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "I;16"])
def test_any_mode_becomes_rgb(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "a.png"
    grey = PIL.Image.fromarray(np.full((8, 8), 200, np.uint8))
    if mode == "I;16":
        PIL.Image.fromarray(np.full((8, 8), 200 * 257, np.uint16)).save(path)
    else:
        (grey.quantize() if mode == "P" else grey.convert(mode)).save(path)
    assert np.unique(to_uint8(read_image(path))).tolist() == [200]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path: Path, orientation: int) -> None:
    path = tmp_path / "a.jpg"
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    picture = PIL.Image.fromarray(gradient(32, 48))
    picture.save(path, exif=exif, quality=95, subsampling=0)
    with PIL.Image.open(path) as stored:
        upright = np.asarray(PIL.ImageOps.exif_transpose(stored)).astype(int)
    assert image_size(path) == upright.shape[:2]
    assert np.abs(to_uint8(read_image(path)).astype(int) - upright).max() <= 4


@pytest.mark.parametrize(("kind", "value"), [("H", b"\0\0"), ("H", b"\0\x09"), ("s", b"up")])
def test_an_orientation_that_there_is_not_turns_nothing(
    tmp_path: Path, kind: str, value: bytes
) -> None:
    path = tmp_path / "a.jpg"
    tag = struct.pack(">HHI4s", 0x0112, {"H": 3, "s": 2}[kind], {"H": 1, "s": 2}[kind], value)
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01" + tag + b"\0\0\0\0"
    PIL.Image.fromarray(gradient(32, 48)).save(path, exif=exif)
    assert image_size(path) == (32, 48)
    assert read_image(path).shape == (3, 32, 48)


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".bmp", ".tiff", ".ppm", ".png", ".jp2"])
def test_common_formats_are_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    image = smooth_picture(0)
    cv2.imwrite(str(path), to_uint8(image)[..., ::-1])
    assert (read_image(path) - image).abs().mean() < 0.03
    assert image_size(path) == (48, 64)


@pytest.mark.parametrize("suffix", [".tga", ".pcx", ".sgi", ".dib", ".qoi", ".j2k", ".heic"])
def test_formats_that_opencv_does_not_know_are_read_too(tmp_path: Path, suffix: str) -> None:
    if suffix == ".heic":
        pytest.importorskip("pillow_heif").register_heif_opener()
    path = tmp_path / f"a{suffix}"
    image = smooth_picture(0)
    PIL.Image.fromarray(to_uint8(image)).save(path)
    assert (read_image(path) - image).abs().mean() < 0.03
    assert image_size(path) == (48, 64)
    assert read_pixels(path, 4).shape == (12, 16, 3)
    grey = small_picture(path.read_bytes(), path, 1)
    expected = cv2.cvtColor(to_uint8(image), cv2.COLOR_RGB2GRAY).astype(int)
    assert np.abs(grey[..., 0] - expected).mean() < 4
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(UnreadableImage, match=path.name):
        read_image(path)


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_grey_that_pillow_would_cut_off_is_refused(tmp_path: Path, dtype: type) -> None:
    ramp = np.linspace(0, 1 if dtype == np.float32 else 65535, 48 * 64).reshape(48, 64)
    PIL.Image.fromarray(ramp.astype(dtype)).save(tmp_path / "a.tif")
    with pytest.raises(UnreadableImage, match=r"a\.tif"):
        read_image(tmp_path / "a.tif")


def test_deep_grey_that_opencv_cannot_decompress_is_refused(tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, 48 * 64).reshape(48, 64).astype(np.uint16)
    PIL.Image.fromarray(ramp).save(tmp_path / "a.tif", compression="zstd")
    with pytest.raises(UnreadableImage, match=r"a\.tif"):
        read_image(tmp_path / "a.tif")


def test_avif_of_any_first_brand_is_no_heic(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    box = b"\0\0\0\x18ftypmif1\0\0\0\0avifmif1"
    require_decoder(box, tmp_path / "a.avif")
    with pytest.raises(UnreadableImage, match=r"predictor-pipelines\[heif\]"):
        require_decoder(box.replace(b"avif", b"heic"), tmp_path / "a.heic")


def test_heic_without_its_extra_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    path = tmp_path / "a.heic"
    path.write_bytes(b"\0\0\0\x18ftypheic" + b"\0" * 100)
    for look in (read_image, read_pixels, image_size):
        with pytest.raises(UnreadableImage, match=r"predictor-pipelines\[heif\]"):
            look(path)


@pytest.mark.parametrize("most", [15, 100, 255, 1000, 4095, 65535])
@pytest.mark.parametrize("kind", [2, 3, 5, 6])
def test_the_header_of_netpbm_says_what_is_white(tmp_path: Path, kind: int, most: int) -> None:
    levels = np.repeat(
        np.array([[0, most // 2, most], [most, 0, 0]]), 3 if kind in (3, 6) else 1, 1
    )
    text = b" ".join(b"%d" % level for level in levels.ravel())
    samples = text if kind < 4 else levels.astype("u1" if most < 256 else ">u2").tobytes()
    path = tmp_path / "a.pnm"
    path.write_bytes(b"P%d\n3 2\n%d\n%s\n" % (kind, most, samples))
    expected = np.array([[0, most // 2 / most, 1], [1, 0, 0]])
    found = (read_image(path)[0].numpy() + 1) / 2
    assert np.abs(found - expected).max() < 1 / 255
    for pixels in (read_pixels(path), *(small_picture(path.read_bytes(), path, c) for c in (1, 3))):
        assert np.abs(pixels[..., 0] / 255 - expected).max() < 1.01 / 255
    assert read_pixels(path, 2)[0, 0, 0] == pytest.approx(255 * expected[:, :2].mean(), abs=70)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".bmp", ".tiff"])
def test_a_picture_cut_off_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"cut{suffix}"
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    cv2.imwrite(str(path), noise)
    path.write_bytes(path.read_bytes()[:-1500])
    with pytest.raises(UnreadableImage, match=f"cut{suffix}"):
        read_image(path)


@pytest.mark.parametrize(
    ("suffix", "part", "damage"),
    [(".avif", b"iloc", b"free"), (".ppm", b"\n64 48\n", b"\n6x 48\n")],
)
@pytest.mark.parametrize("look", [read_image, image_size])
def test_a_damaged_header_is_refused(
    tmp_path: Path, suffix: str, part: bytes, damage: bytes, look: Callable[[Path], object]
) -> None:
    path = tmp_path / f"bad{suffix}"
    PIL.Image.fromarray(gradient()).save(path)
    assert part in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(part, damage))
    with pytest.raises(UnreadableImage, match=f"bad{suffix}"):
        look(path)


def test_a_jpeg_cut_off_after_its_thumbnail_is_refused(tmp_path: Path) -> None:
    # The thumbnail has an end marker of its own, which proves nothing about the picture.
    path = tmp_path / "a.jpg"
    PIL.Image.fromarray(gradient()).save(path, quality=95)
    data = path.read_bytes()
    path.write_bytes(data[:2] + b"\xff\xfe\x00\x04\xff\xd9" + data[2:-200])
    with pytest.raises(UnreadableImage, match="whole"):
        read_image(path)


def test_bytes_after_the_end_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    PIL.Image.fromarray(gradient()).save(path)
    path.write_bytes(path.read_bytes() + b"camera maker's notes")
    assert read_image(path).shape == (3, 48, 64)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "is empty"), (b"hello, I am a text\n" * 9, "not a picture"), (None, "not exist")],
)
def test_what_is_no_picture_is_named(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "bad.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UnreadableImage, match=message) as caught:
        read_image(path)
    assert "bad.png" in str(caught.value)
    assert isinstance(caught.value, OSError)


def test_float_pictures_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "hdr.tiff"
    cv2.imwrite(str(path), np.ones((8, 8, 3), np.float32))
    with pytest.raises(UnreadableImage, match="float32 pixels, expected 8 or 16 bits"):
        read_image(path)


def test_paths_with_other_letters_are_read_and_written(tmp_path: Path) -> None:
    path = tmp_path / "жираф 长颈鹿.png"
    write_png(path, smooth_picture(0))
    assert read_image(path).shape == (3, 48, 64)


def test_a_folder_that_is_not_there_is_an_output_error(tmp_path: Path) -> None:
    with pytest.raises(OutputNotWritten, match="No such file"):
        write_png(tmp_path / "no" / "a.png", smooth_picture(0))


def test_a_full_disk_is_an_output_error() -> None:
    with pytest.raises(OutputNotWritten, match="No space left") as caught:
        write_png(Path("/dev/full"), smooth_picture(0))
    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.__cause__.errno == errno.ENOSPC


def test_suffixes_tell_pictures_from_videos() -> None:
    assert all(is_image_path(Path(f"a.{suffix}")) for suffix in ("png", "JPG", "jfif", "TIF"))
    assert all(is_video_path(Path(f"a.{suffix}")) for suffix in ("mp4", "MKV", "gif", "ts", "y4m"))
    assert all(is_video_path(Path(f"a.{suffix}")) for suffix in ("3g2", "f4v", "m2v", "dv", "rm"))
    assert not is_video_path(Path("a.ogg"))  # is nearly always sound
    assert not is_image_path(Path("a.gif"))
    assert not is_video_path(Path("a.png"))
    assert not is_image_path(Path("png"))


@pytest.mark.parametrize("reduction", [1, 2, 4, 8])
def test_pixels_can_be_read_at_a_fraction_of_the_size(tmp_path: Path, reduction: Reduction) -> None:
    grid = np.random.default_rng(0).integers(0, 256, (4, 6, 3), np.uint8)
    pixels = cv2.resize(grid, (96, 64), interpolation=cv2.INTER_CUBIC)
    picture = PIL.Image.fromarray(pixels)
    exif = picture.getexif()
    exif[0x0112] = 6  # shown after a quarter turn clockwise
    picture.save(tmp_path / "x.jpg", quality=98, exif=exif)
    found = read_pixels(tmp_path / "x.jpg", reduction)
    upright = np.rot90(pixels, -1)
    assert found.shape == (96 // reduction, 64 // reduction, 3)
    expected = cv2.resize(upright, found.shape[1::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(found.astype(int) - expected).mean() < 4


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".bmp"])
def test_a_side_shorter_than_the_reduction_stays_a_pixel(tmp_path: Path, suffix: str) -> None:
    PIL.Image.fromarray(gradient(3, 64)).save(tmp_path / f"x{suffix}")
    found = read_pixels(tmp_path / f"x{suffix}", 8)
    assert found.shape == (1, 8, 3)
    assert (np.diff(found[0, :, 0].astype(int)) > 10).all()


def test_a_picture_too_large_to_decode_is_named(tmp_path: Path) -> None:
    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + checksum

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 40_000, 40_000, 8, 0, 0, 0, 0))
    end = chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")
    (tmp_path / "huge.png").write_bytes(b"\x89PNG\r\n\x1a\n" + header + end)
    with pytest.raises(UnreadableImage, match=r"huge\.png is not a picture"):
        read_image(tmp_path / "huge.png")


def test_the_log_of_opencv_is_as_before_when_threads_have_decoded() -> None:
    level = cv2.utils.logging.setLogLevel(2)
    inside, decoded = threading.Event(), threading.Event()

    def first() -> None:
        with images._silent_opencv:
            inside.set()
            decoded.wait(10)

    try:
        thread = threading.Thread(target=first)
        thread.start()
        assert inside.wait(10)
        assert images.decoded_by_opencv(b"no picture", cv2.IMREAD_COLOR) is None
        assert cv2.utils.logging.getLogLevel() == 0
        decoded.set()
        thread.join()
        assert cv2.utils.logging.getLogLevel() == 2
    finally:
        cv2.utils.logging.setLogLevel(level)
