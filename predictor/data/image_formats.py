"""Sets of small pictures by what lies at a path."""

import functools
from collections.abc import Sequence
from pathlib import Path

from predictor.data.cifar_batches import cifar_batches, is_cifar, is_lone_batch
from predictor.data.file_tree import file_tree
from predictor.data.image_archives import (
    ARCHIVE_SUFFIXES,
    archived_images,
)
from predictor.data.image_arrays import (
    idx_files,
    idx_partners,
    images_in_idx,
    images_in_npz,
    is_idx_name,
)
from predictor.data.image_folders import every_picture, images_in_folder
from predictor.data.image_parts import PARTS, ImageCollection
from predictor.data.mat_files import images_in_mat, mat_files, with_pictures
from predictor.data.stamps import stamp_of
from predictor.errors import UnusableData
from predictor.media.images import is_image_path

EXPECTED = (
    "a folder of pictures or of class folders, a tar archive of them, NPZ, the IDX files of MNIST, "
    "the MAT files of SVHN, or the binary batches of CIFAR"
)


def open_images(
    path: Path, expected: str = EXPECTED, *, without: Path | None = None
) -> ImageCollection:
    """Return the pictures at `path`, in any format that `EXPECTED` names.

    If the folder `without` lies in `path` and is no official part, it is left out, so that it is no
    class. Nothing is unpickled. Raises `UnusableData` that names the file and what is wrong with
    it; of a file of no such format it says what was `expected`.
    """
    if without is not None and without.name.lower() in PARTS:
        without = None
    if path.is_dir():
        return _in_folder(path, without)
    if not path.exists():
        raise UnusableData(f"{path} does not exist; expected {expected}")
    name = path.name.lower()
    if name.endswith(ARCHIVE_SUFFIXES):
        return archived_images(path)
    if name.endswith(".npz"):
        return images_in_npz(path)
    if name.endswith(".mat"):
        return images_in_mat(path, [path])
    if is_idx_name(path.name):
        return images_in_idx(path, idx_partners(path))
    if is_cifar(path, [path.name]) or is_lone_batch([path.name]):
        return cifar_batches(path, [path.name], lambda _: path.read_bytes(), stamp_of([path]))
    raise UnusableData(f"{path} is none of these: {expected}")


def open_pictures(path: Path) -> ImageCollection:
    """Return the pictures at `path` to be looked at, none to be learnt from.

    One picture, or all in the tree of a folder by their paths, whatever its folders are called; for
    other formats what `open_images` returns. Raises `UnusableData`.
    """
    if path.is_file() and is_image_path(path):
        return every_picture(path.parent, [path.name])
    if path.is_dir():
        return _array_files(_innermost(path, None), None) or every_picture(path)
    return open_images(path, f"a picture (no GIF), {EXPECTED}")


def _in_folder(folder: Path, without: Path | None) -> ImageCollection:
    """Return the pictures in `folder`, or in the one folder that is in it, as archives have one.

    Here and below the folder `without` counts as not there.
    """
    inner = _innermost(folder, without)
    return _array_files(inner, without) or images_in_folder(inner, without)


def _innermost(folder: Path, without: Path | None) -> Path:
    """Return `folder`, or the one folder that is in it and so on."""
    below = _lone_folder(folder, without)
    return folder if below is None else _innermost(below, without)


def _lone_folder(folder: Path, without: Path | None) -> Path | None:
    """Return the one folder that `folder` holds and nothing else, unless it is a part or a class.

    A class has pictures of its own.
    """
    visible = [path for path in folder.iterdir() if not path.name.startswith(".")]
    if without is not None:
        visible = [path for path in visible if not (path.is_dir() and path.samefile(without))]
    if len(visible) != 1 or not visible[0].is_dir() or visible[0].name.lower() in PARTS:
        return None
    return None if any(map(is_image_path, visible[0].iterdir())) else visible[0]


def _array_files(folder: Path, without: Path | None) -> ImageCollection | None:
    """Return the pictures of the files of arrays in `folder`; None where it has none."""
    files = sorted(file for file in folder.iterdir() if file.is_file())
    names = [file.name for file in files]
    if found := idx_files(folder):
        return images_in_idx(folder, found)
    has_pictures = functools.partial(_has_pictures, folder, without)
    if is_cifar(folder, names) or (is_lone_batch(names) and not has_pictures()):
        return cifar_batches(folder, names, lambda n: (folder / n).read_bytes(), stamp_of(files))
    if found := mat_files(folder):
        # Data sets of pictures have MAT files beside them too, of their annotations.
        of_pictures = with_pictures(found)
        if of_pictures or not has_pictures():
            return images_in_mat(folder, of_pictures or found)
    npz_files = [file for file in files if file.name.lower().endswith(".npz")]
    return _lone_npz(folder, npz_files) if npz_files and not has_pictures() else None


def _lone_npz(folder: Path, files: Sequence[Path]) -> ImageCollection:
    """Return the pictures of the only one of the NPZ `files`."""
    if len(files) > 1:
        raise UnusableData(
            f"{folder} has several NPZ files: {files[0].name} and {files[1].name}; name one of them"
        )
    return images_in_npz(files[0])


def _has_pictures(folder: Path, without: Path | None) -> bool:
    """Return whether the tree under `folder` has a picture in a file of its own."""
    return any(is_image_path(Path(name)) for name in file_tree(folder, without).files)
