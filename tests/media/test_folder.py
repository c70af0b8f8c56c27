from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from made_videos import grey_of, marked_picture, marks, smooth_picture

from predictor.errors import UnreadableImage, UnreadableVideo
from predictor.media.folder import numbering_notes, pictures_in
from predictor.media.images import from_uint8, write_png
from predictor.media.video import open_video, probe


def folder_of(folder: Path, count: int, name: str = "{}.png") -> Path:
    folder.mkdir()
    for number in range(count):
        write_png(folder / name.format(number), from_uint8(marked_picture(number)))
    return folder


def test_numbers_are_ordered_as_numbers(tmp_path: Path) -> None:
    names = ["f10.png", "f9.PNG", "f1.jpg", "f010.png", "F2.png", "g1.png"]
    for name in [*names, "notes.txt", ".hidden.png", "clip.mp4"]:
        (tmp_path / name).touch()
    (tmp_path / "3.png").mkdir()
    found = [path.name for path in pictures_in(tmp_path)]
    assert found == ["f1.jpg", "F2.png", "f9.PNG", "f010.png", "f10.png", "g1.png"]


def test_names_of_letters_and_digits_in_any_place_are_ordered(tmp_path: Path) -> None:
    for name in ("1.png", "a.png", "a1.png", "10a.png", "2.png", "²3.png"):
        (tmp_path / name).touch()
    assert [path.name for path in pictures_in(tmp_path)][:3] == ["1.png", "2.png", "10a.png"]


def test_a_folder_is_a_clip_of_its_pictures_at_the_rate_asked_for(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "frames", 12)
    rate = Fraction(24000, 1001)
    info = probe(folder, rate)
    assert (info.codec, info.container, info.frame_count, info.size) == (
        "images",
        "images",
        12,
        (48, 64),
    )
    with open_video(folder, rate=rate) as reader:
        frames = list(reader)
    assert marks([frame.image for frame in frames]) == [grey_of(n) for n in range(12)]
    assert [frame.time for frame in frames] == [n / rate for n in range(12)]
    assert {frame.duration for frame in frames} == {1 / rate}
    assert reader.truncated is None


def test_the_rate_is_25_if_not_said(tmp_path: Path) -> None:
    assert probe(folder_of(tmp_path / "frames", 1)).average_rate == 25


@pytest.mark.parametrize("count", [1, 3, 12, 20])
def test_the_tail_of_a_folder(tmp_path: Path, count: int) -> None:
    with open_video(folder_of(tmp_path / "frames", 12)) as reader:
        expected = [grey_of(n) for n in range(max(0, 12 - count), 12)]
        assert marks([frame.image for frame in reader.tail(count)]) == expected
        until = reader.tail(2, until=Fraction(5, 25))
        assert marks([frame.image for frame in until]) == [grey_of(4), grey_of(5)]


def test_a_folder_is_read_from_any_time(tmp_path: Path) -> None:
    with open_video(folder_of(tmp_path / "frames", 12)) as reader:
        for number in (0, 5, 11):
            found = marks([frame.image for frame in reader.from_time(Fraction(number, 25))])
            assert found == [grey_of(n) for n in range(number, 12)]
        assert next(reader.from_time(Fraction(9, 50))).time == Fraction(5, 25)


def test_another_size_is_an_error_that_names_the_picture(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "frames", 3)
    write_png(folder / "3.png", smooth_picture(0, 32, 40))
    message = r"3\.png is 40x32, expected 64x48 like the first picture of its folder"
    with open_video(folder) as reader, pytest.raises(UnreadableVideo, match=message):
        list(reader)


def test_a_broken_picture_is_named_when_it_is_looked_at(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "frames", 3)
    (folder / "1.png").write_bytes(b"not a picture")
    with open_video(folder) as reader, pytest.raises(UnreadableImage, match=r"1\.png"):
        list(reader)


def test_a_folder_without_pictures_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(UnreadableVideo, match="without pictures, expected PNG or JPEG"):
        probe(tmp_path)


def test_16_bit_pictures_keep_their_depth(tmp_path: Path) -> None:
    pixels = np.arange(48 * 64, dtype=np.uint16).reshape(48, 64, 1).repeat(3, 2) * 20
    cv2.imwrite(str(tmp_path / "0.png"), pixels)
    with open_video(tmp_path) as reader:
        image = next(iter(reader)).image
    assert (reader.info.bit_depth, reader.info.pixel_format) == (16, "gbrp16le")
    expected = torch.from_numpy(pixels[..., 0].astype(np.float64)) / 32767.5 - 1
    assert (image[0] - expected).abs().max() < 1e-6


def test_alpha_of_pictures_is_said(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "0.png"), np.full((8, 8, 4), 128, np.uint8))
    assert probe(tmp_path).has_alpha


def test_a_broken_picture_before_the_tail_is_not_looked_at(tmp_path: Path) -> None:
    for number in range(14):
        write_png(tmp_path / f"{number}.png", torch.zeros(3, 6, 8))
    (tmp_path / "1.png").write_bytes((tmp_path / "0.png").read_bytes()[:20])
    with open_video(tmp_path) as reader:
        assert [frame.time * 25 for frame in reader.tail(12)] == [*range(2, 14)]


@pytest.mark.parametrize(
    ("names", "notes"),
    [
        (["a_1.png", "a_2.png", "a_3.jpg"], []),
        (["10.png", "20.png", "30.png", "40.png"], []),
        (["1.png", "2.png", "3.png", "7.png", "8.png"], ["missing, number 4 to 6: taken"]),
        (["1.png", "2.png", "4.png", "5.png", "9.png", "10.png"], ["number 3 and 1 more gap:"]),
        (["10.png", "20.png", "40.png", "50.png"], ["missing, number 30:"]),
        (["1.png", "1.jpg", "2.png", "2.jpg"], ["several pictures have the number 1:"]),
        (["1.png", "01.png", "2.png", "3.png", "5.png"], ["the number 1:", "number 4:"]),
        (["1403715273262142976.png", "1403715273312143104.png", "1403715273412143104.png"], []),
        (["1.png", "9.png"], []),
        (["1.png", "2.png", "cover.png", "9.png"], []),
        (["left_1.png", "right_1.png", "left_2.png", "right_9.png"], []),
    ],
)
def test_what_is_odd_about_their_numbers_is_said(
    names: list[str], notes: list[str], tmp_path: Path
) -> None:
    for name in names:
        (tmp_path / name).touch()
    found = numbering_notes(tmp_path)
    assert len(found) == len(notes)
    for note, part in zip(found, notes, strict=True):
        assert part in note
