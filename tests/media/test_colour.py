"""The colour matrix against the formulas of the standards, written out a second time here."""

import av
import numpy as np
import pytest
import torch
from made_videos import smooth_picture
from numpy.typing import NDArray
from torch import Tensor

from predictor.media.colour import (
    FULL,
    LIMITED,
    ColorTags,
    PictureDecoder,
    PictureEncoder,
    bit_depth,
    has_alpha,
    planar_format,
)

BT709, BT601, YCGCO, BT2020 = 1, 6, 8, 9
WEIGHTS = {BT709: (0.2126, 0.7152, 0.0722), BT601: (0.299, 0.587, 0.114)} | {
    BT2020: (0.2627, 0.6780, 0.0593)
}


def expected_codes(
    rgb: NDArray[np.float64], matrix: int, color_range: int, depth: int
) -> NDArray[np.float64]:
    """Return rounded codes ``(3, H, W)`` of RGB in [0, 1] by ITU-R BT.601, 709 and 2020."""
    red, green, blue = WEIGHTS[matrix]
    luma = red * rgb[0] + green * rgb[1] + blue * rgb[2]
    blueness = (rgb[2] - luma) / (2 - 2 * blue)
    redness = (rgb[0] - luma) / (2 - 2 * red)
    step = 2 ** (depth - 8)
    if color_range == FULL:
        peak = 2**depth - 1
        codes = [luma * peak, blueness * peak + 128 * step, redness * peak + 128 * step]
    else:
        codes = [(16 + 219 * luma) * step] + [
            (128 + 224 * chroma) * step for chroma in (blueness, redness)
        ]
    return np.clip(np.rint(codes), 0, 2**depth - 1)


def codes_of(frame: av.VideoFrame) -> NDArray[np.int64]:
    """Return the planes of a frame without subsampling as ``(planes, H, W)``."""
    kind = np.uint8 if bit_depth(frame.format.name) == 8 else np.uint16
    return np.stack(
        [
            np.frombuffer(plane, kind).reshape(plane.height, -1)[:, : plane.width].astype(np.int64)
            for plane in frame.planes
        ]
    )


def round_trip(image: Tensor, pixel_format: str, tags: ColorTags, left: bool = True) -> Tensor:
    size = (image.shape[1], image.shape[2])
    frame = PictureEncoder(size, pixel_format, tags, left).frame(image)
    return PictureDecoder().tensor(frame)


def largest_error(first: Tensor, second: Tensor) -> float:
    """Return the largest difference in 8-bit levels."""
    return (first - second).abs().max().item() * 127.5


@pytest.fixture
def noise() -> Tensor:
    return torch.rand(3, 47, 61, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.mark.parametrize("depth", [8, 10, 12])
@pytest.mark.parametrize("color_range", [LIMITED, FULL])
@pytest.mark.parametrize("matrix", [BT709, BT601, BT2020])
def test_codes_are_those_of_the_standard(
    noise: Tensor, matrix: int, color_range: int, depth: int
) -> None:
    pixel_format = "yuv444p" if depth == 8 else f"yuv444p{depth}le"
    tags = ColorTags(color_range, matrix)
    frame = PictureEncoder((47, 61), pixel_format, tags, True).frame(noise)
    expected = expected_codes((noise.double().numpy() + 1) / 2, matrix, color_range, depth)
    difference = np.abs(codes_of(frame) - expected)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.002  # float32 on the very edge between two codes


@pytest.mark.parametrize(("color_range", "black", "white"), [(LIMITED, 16, 235), (FULL, 0, 255)])
def test_black_and_white_have_the_codes_of_their_range(
    color_range: int, black: int, white: int
) -> None:
    for level, luma in ((-1.0, black), (1.0, white)):
        image = torch.full((3, 8, 8), level)
        tags = ColorTags(color_range, BT709)
        frame = PictureEncoder((8, 8), "yuv444p", tags, True).frame(image)
        assert [np.unique(plane).tolist() for plane in codes_of(frame)] == [[luma], [128], [128]]
        assert largest_error(PictureDecoder().tensor(frame), image) < 1e-4


def test_pure_red_has_the_codes_of_bt709_and_bt601() -> None:
    red = torch.full((3, 8, 8), -1.0)
    red[0] = 1.0
    for matrix, codes in ((BT709, [63, 102, 240]), (BT601, [81, 90, 240])):
        frame = PictureEncoder((8, 8), "yuv444p", ColorTags(LIMITED, matrix), True).frame(red)
        assert codes_of(frame)[:, 0, 0].tolist() == codes


@pytest.mark.parametrize("color_range", [LIMITED, FULL])
@pytest.mark.parametrize("matrix", [BT709, BT601, BT2020, YCGCO])
def test_a_round_trip_errs_by_the_rounding_of_the_codes_alone(
    noise: Tensor, matrix: int, color_range: int
) -> None:
    # Half a code of luma and of chroma, times their gains: at most 1.7 levels at 8 bits (blue of
    # BT.709 limited), a quarter of it at 10 bits. A wrong matrix errs by dozens of levels.
    tags = ColorTags(color_range, matrix)
    assert largest_error(round_trip(noise, "yuv444p", tags), noise) < 1.8
    assert largest_error(round_trip(noise, "yuv444p10le", tags), noise) < 0.46
    assert largest_error(round_trip(noise, "yuv444p16le", tags), noise) < 0.01


def test_decoding_has_no_bias(noise: Tensor) -> None:
    # swscale's own float output is half a level too dark; a chain of predictions would fade.
    for pixel_format in ("yuv444p", "yuv444p10le", "gbrp", "rgb48le"):
        for color_range in (LIMITED, FULL):
            image = noise * 0.7
            decoded = round_trip(image, pixel_format, ColorTags(color_range, BT709))
            assert abs((decoded - image).mean().item()) * 127.5 < 0.05


@pytest.mark.parametrize(
    ("pixel_format", "bound"),
    [("rgb24", 0.51), ("bgra", 0.51), ("gbrp", 0.51), ("gbrp10le", 0.13), ("rgb48le", 0.003)],
)
def test_rgb_formats_round_once(noise: Tensor, pixel_format: str, bound: float) -> None:
    for tags in (ColorTags(), ColorTags(LIMITED, BT709), ColorTags(FULL, BT601)):
        assert largest_error(round_trip(noise, pixel_format, tags), noise) < bound


@pytest.mark.parametrize("color_range", [0, LIMITED, FULL])
@pytest.mark.parametrize("pixel_format", ["gray", "gray10le"])
def test_grey_keeps_levels(pixel_format: str, color_range: int) -> None:
    grey = torch.linspace(-1, 1, 64).expand(3, 16, 64)
    decoded = round_trip(grey, pixel_format, ColorTags(color_range))
    assert largest_error(decoded, grey) < 0.6


@pytest.mark.parametrize("left", [True, False])
@pytest.mark.parametrize("color_range", [LIMITED, FULL])
@pytest.mark.parametrize(
    "pixel_format", ["yuv420p", "yuv422p", "yuv420p10le", "nv12", "p010le", "yuyv422"]
)
def test_smooth_pictures_survive_subsampling(
    pixel_format: str, color_range: int, left: bool
) -> None:
    image = smooth_picture(0, 96, 128)
    decoded = round_trip(image, pixel_format, ColorTags(color_range, BT709), left)
    error = (decoded - image).abs()[:, 4:-4, 4:-4] * 127.5
    assert error.mean() < 1.0
    assert error.max() < 4.0


@pytest.mark.parametrize("left", [True, False])
def test_decoding_then_encoding_keeps_subsampled_pictures(left: bool) -> None:
    tags = ColorTags(LIMITED, BT709)
    encoder = PictureEncoder((48, 64), "yuv420p", tags, left)
    frame = encoder.frame(smooth_picture(1) * 0.7)
    again = encoder.frame(PictureDecoder().tensor(frame))
    before, after = (
        [np.frombuffer(plane, np.uint8).astype(int) for plane in each.planes]
        for each in (frame, again)
    )
    assert np.abs(before[0] - after[0]).max() == 0  # luma exactly
    for chroma_before, chroma_after in zip(before[1:], after[1:], strict=True):
        assert np.abs(chroma_before - chroma_after).max() <= 1


def test_chroma_sits_where_the_decoder_of_the_codec_expects_it() -> None:
    # A ramp of colour along x: chroma taken half a sample off shifts it by a quarter of a step.
    ramp = torch.linspace(-0.6, 0.6, 128).expand(16, 128)
    image = torch.stack([ramp, torch.zeros_like(ramp), -ramp])
    tags = ColorTags(LIMITED, BT601)
    frames = {
        left: PictureEncoder((16, 128), "yuv420p", tags, left).frame(image)
        for left in (True, False)
    }
    full = codes_of(PictureEncoder((16, 128), "yuv444p", tags, True).frame(image))[2][8]
    chroma = {
        left: np.frombuffer(frame.planes[2], np.uint8).reshape(8, -1)[4, :64].astype(float)
        for left, frame in frames.items()
    }
    inner = slice(4, 60)
    assert np.abs(chroma[True] - full[0::2])[inner].mean() < 0.4
    assert np.abs(chroma[False] - (full[0::2] + full[1::2]) / 2)[inner].mean() < 0.4
    assert (chroma[False] - chroma[True])[inner].mean() > 0.3


def test_values_beyond_the_range_are_clipped_not_wrapped() -> None:
    image = torch.full((3, 8, 8), 1.5)
    image[:, 4:] = -1.5
    for pixel_format in ("yuv444p", "yuv444p10le", "gbrp", "gbrp10le"):
        decoded = round_trip(image, pixel_format, ColorTags(FULL, BT709))
        assert largest_error(decoded, image.clamp(-1, 1)) < 1e-3


@pytest.mark.parametrize(
    ("size", "matrix"),
    [
        ((480, 640), BT601),
        ((576, 1024), BT601),
        ((720, 1280), BT709),
        ((1280, 720), BT709),
        ((532, 1280), BT709),
        ((640, 480), BT601),
        ((608, 800), BT709),
    ],
)
def test_untagged_matrix_follows_size_as_in_players(size: tuple[int, int], matrix: int) -> None:
    assert ColorTags().resolved_matrix(size) == matrix
    assert ColorTags(matrix=0).resolved_matrix(size) == matrix  # "RGB" on YUV is a mistake
    for tagged in (BT709, BT601, BT2020, YCGCO):
        assert ColorTags(matrix=tagged).resolved_matrix(size) == tagged


def test_untagged_high_definition_round_trips_as_bt709() -> None:
    image = smooth_picture(0, 720, 1280)
    frame = PictureEncoder((720, 1280), "yuv444p", ColorTags(), True).frame(image)
    tagged = PictureEncoder((720, 1280), "yuv444p", ColorTags(LIMITED, BT709), True).frame(image)
    assert np.array_equal(codes_of(frame), codes_of(tagged))
    assert largest_error(PictureDecoder().tensor(frame), image) < 1.8


def test_frames_carry_their_tags_untouched() -> None:
    tags = ColorTags(FULL, BT2020, 9, 16)
    for pixel_format in ("yuv420p10le", "yuv444p"):
        frame = PictureEncoder((16, 16), pixel_format, tags, True).frame(torch.zeros(3, 16, 16))
        found = (frame.color_range, frame.colorspace, frame.color_primaries, frame.color_trc)
        assert found == (FULL, BT2020, 9, 16)


def test_jpeg_formats_are_full_range_whatever_the_tags_say() -> None:
    white = torch.ones(3, 8, 8)
    tags = ColorTags(LIMITED, BT601)
    frame = PictureEncoder((8, 8), "yuvj444p", tags, False).frame(white)
    assert codes_of(frame)[0].max() == 255


@pytest.mark.parametrize(
    ("rotation_deg", "is_mirrored", "expected"),
    [
        (0, False, [[1, 2, 3], [4, 5, 6]]),
        (90, False, [[4, 1], [5, 2], [6, 3]]),
        (180, False, [[6, 5, 4], [3, 2, 1]]),
        (270, False, [[3, 6], [2, 5], [1, 4]]),
        (0, True, [[3, 2, 1], [6, 5, 4]]),
        (90, True, [[1, 4], [2, 5], [3, 6]]),
    ],
)
def test_pictures_are_turned_clockwise_then_mirrored(
    rotation_deg: int, is_mirrored: bool, expected: list[list[int]]
) -> None:
    levels = torch.tensor([[1.0, 2, 3], [4, 5, 6]]) / 10
    frame = PictureEncoder((2, 3), "gbrp16le", ColorTags(), False).frame(levels.expand(3, 2, 3))
    upright = PictureDecoder(rotation_deg, is_mirrored).tensor(frame)
    assert torch.allclose(upright[1] * 10, torch.tensor(expected).float(), atol=1e-3)
    assert upright.is_contiguous()


@pytest.mark.parametrize(
    ("pixel_format", "planar", "depth", "alpha"),
    [
        ("yuv420p", "yuv444p", 8, False),
        ("yuva420p10le", "yuv444p10le", 10, True),
        ("p010le", "yuv444p10le", 10, False),
        ("bgra", "gbrp", 8, True),
        ("pal8", "gbrp", 8, False),
        ("rgb48be", "gbrp16le", 16, False),
        ("gray12le", "gray12le", 12, False),
        ("ya8", "gray", 8, True),
        ("yuv420p9le", "yuv444p9le", 9, False),
    ],
)
def test_formats_are_unpacked_without_losing_bits(
    pixel_format: str, planar: str, depth: int, alpha: bool
) -> None:
    assert planar_format(pixel_format) == planar
    assert bit_depth(pixel_format) == depth
    assert has_alpha(pixel_format) == alpha
