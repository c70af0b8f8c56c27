"""The formats that small pictures come in, written here as their makers write them."""

import gzip
import io
import pickle
import struct
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from predictor.data.image_parts import Channels, ImageCollection
from predictor.errors import UnreadableImage


def noise(count: int, size: tuple[int, ...] = (8, 8, 3), seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, *size), np.uint8)


def pictures_of(
    collection: ImageCollection, part: str = "train", channels: Channels = 3
) -> list[NDArray[np.uint8]]:
    found = list(collection.part(part).pictures(channels))
    assert not any(isinstance(picture, UnreadableImage) for picture in found)
    return found  # type: ignore[return-value] # checked above


def write_png(path: Path, pixels: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    shown = pixels[..., ::-1] if pixels.ndim == 3 else pixels
    assert cv2.imwrite(str(path), shown)


def png_bytes(pixels: NDArray[np.uint8]) -> bytes:
    return cv2.imencode(".png", pixels[..., ::-1])[1].tobytes()


def write_idx(path: Path, array: NDArray[Any]) -> None:
    head = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    content = head + array.astype(np.uint8).tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def write_mat(path: Path, images: NDArray[np.uint8], labels: NDArray[Any]) -> None:
    from scipy.io import savemat

    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, {"X": np.moveaxis(images, 0, 3), "y": labels[:, None]})


def cifar_batch(images: NDArray[np.uint8], *labels: NDArray[Any]) -> bytes:
    """Return a binary batch; two arrays of labels are the coarse and the fine ones."""
    columns = [column.astype(np.uint8)[:, None] for column in labels]
    planes = images.transpose(0, 3, 1, 2).reshape(len(images), -1)
    return np.concatenate([*columns, planes], axis=1).tobytes()


def write_tar(path: Path, files: Mapping[str, bytes | None]) -> None:
    """Write an archive of these files, in this order; None makes a folder."""
    mode = {".xz": "w:xz", ".gz": "w:gz"}.get(path.suffix, "w")
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload] # one of its modes
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            if content is None:
                member.type = tarfile.DIRTYPE
                archive.addfile(member)
            else:
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))


class Bomb:
    """Says so if anybody unpickles it."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (exec, ("raise SystemExit('unpickled')",))


def pickled_bomb() -> bytes:
    return pickle.dumps({b"data": Bomb(), b"labels": [0]})
