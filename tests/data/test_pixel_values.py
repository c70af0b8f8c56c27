"""Arrays that are not of bytes become the pictures that they were made of."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from predictor.data.image_formats import open_images
from predictor.data.pixel_values import as_bytes
from predictor.errors import UnusableData

BYTES = np.arange(256, dtype=np.uint8).reshape(1, 16, 16).repeat(2, axis=0)
WHERE = Path("d.npz")


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (BYTES.astype(np.uint16) * 257, "uint16 from 0 to 65535: taken for pictures from 0, black"),
        (BYTES.astype(np.float32) / 255, "float32 from 0 to 1: taken for pictures from 0, black"),
        (BYTES / 127.5 - 1, "float64 from -1 to 1: taken for pictures from -1, black, to 1, white"),
        (BYTES.astype(np.float16), "float16 from 0 to 255: taken for pictures from 0, black, to"),
        (BYTES.astype(np.int64), "int64 from 0 to 255: taken for pictures from 0, black, to 255"),
        (BYTES.astype(np.uint16), "uint16 from 0 to 255: taken for pictures from 0, black, to 255"),
        (BYTES, None),
    ],
)
def test_every_byte_comes_back(
    array: NDArray[Any], said: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        found = as_bytes(WHERE, {"x": array})["x"]
    assert found.dtype == np.uint8
    assert np.array_equal(found, BYTES)
    assert (said in caplog.text) if said else not caplog.text


def test_of_no_arrays_nothing_is_said(caplog: pytest.LogCaptureFixture) -> None:
    assert as_bytes(WHERE, {}) == {}
    assert not caplog.records


@pytest.mark.parametrize("kind", [bool, np.int32, np.float64])
def test_what_is_only_on_or_off_is_black_and_white(kind: type) -> None:
    is_on = BYTES > 99
    assert np.array_equal(as_bytes(WHERE, {"x": is_on.astype(kind)})["x"], 255 * is_on)


def test_the_range_is_that_of_all_parts(tmp_path: Path) -> None:
    dark = np.full((3, 4, 4), 200, np.uint16)  # by itself it would be of eight bits
    np.savez(tmp_path / "d.npz", x_train=np.full((3, 4, 4), 51400, np.uint16), x_test=dark)
    parts = open_images(tmp_path / "d.npz").parts
    levels = {name: int(next(iter(part.pictures(1))).max()) for name, part in parts.items()}  # type: ignore[union-attr] # readable
    assert levels == {"train": 200, "test": 1}


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (BYTES.astype(np.float32) - 9, "holds float32 from -9 to 246, expected"),
        (BYTES.astype(np.int32) * 257, "holds int32 from 0 to 65535, expected"),
        (
            np.where(BYTES > 0, BYTES / 255, np.nan),
            "holds float64 with values that are not",
        ),
        (BYTES.astype(complex), "holds complex128, expected"),
        (BYTES / 255 * 1.02, r"holds float64 from 0 to 1\.02, expected .* clip or scale them"),
        (BYTES % 17.0, "holds float64 from 0 to 16, expected .* clip or scale them"),
        (BYTES / 250 - 0.03, r"holds float64 from -0\.03 to 0\.99, expected .* clip or scale them"),
    ],
)
def test_other_numbers_are_refused(array: NDArray[Any], said: str) -> None:
    with pytest.raises(UnusableData, match=f"x in d.npz {said}"):
        as_bytes(WHERE, {"x": array})


@pytest.mark.parametrize("other", [BYTES / 255, BYTES / 127.5 - 1, BYTES > 99])
def test_parts_of_different_ranges_are_refused(other: NDArray[Any]) -> None:
    held = f"{other.dtype} from {other.min():g} to {other.max():g}"
    for first, second in ((BYTES, other), (other, BYTES)):
        with pytest.raises(UnusableData, match="scale all parts alike") as caught:
            as_bytes(WHERE, {"x_train": first, "x_test": second})
        names = {id(first): "x_train", id(second): "x_test in d.npz holds"}
        assert f"{names[id(other)]} {held}" in str(caught.value)
        assert f"{names[id(BYTES)]} uint8 from 0 to 255" in str(caught.value)


def test_a_black_part_fits_any_range() -> None:
    black = np.zeros_like(BYTES)
    assert np.array_equal(as_bytes(WHERE, {"a": black, "b": BYTES / 255})["b"], BYTES)
    assert np.array_equal(as_bytes(WHERE, {"a": BYTES, "b": black / 255})["a"], BYTES)


@pytest.mark.parametrize("kind", [np.uint8, np.int64, np.bool_, np.float32])
def test_binarized_pictures_are_black_and_white(
    kind: type[Any], caplog: pytest.LogCaptureFixture
) -> None:
    array = (BYTES > 127).astype(kind)
    with caplog.at_level(logging.WARNING):
        found = as_bytes(WHERE, {"x_train": array, "x_test": np.zeros_like(array)})
    assert found["x_train"].dtype == np.uint8
    assert set(np.unique(found["x_train"])) == {0, 255}
    assert "from 0 to 1: taken for pictures from 0, black" in caplog.text


def test_bytes_that_are_all_black_are_no_question() -> None:
    assert not as_bytes(WHERE, {"x": np.zeros_like(BYTES)})["x"].any()
