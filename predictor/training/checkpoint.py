"""Checkpoints: one safetensors file each, written atomically, verified, and never unpickled.

The tensors are named ``networks/<network>/<key>``, ``averages/<network>/<key>`` and
``optimizers/<phase>/<slot>/<parameter>``; everything else is one JSON string in the header. State
that a system owns, such as a reference batch, is saved as buffers of a network.
"""

import json
import logging
import os
import shutil
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from predictor.errors import DamagedCheckpoint, OutputNotWritten
from predictor.whole_files import PARTIAL, whole_file

FORMAT_VERSION = 1
METADATA_KEY = "predictor"
BEST = "best.safetensors"

_logger = logging.getLogger(__name__)


class Checkpoint(NamedTuple):
    """The content of a file, and its path."""

    path: Path
    tensors: dict[str, Tensor]
    record: dict[str, Any]


def checkpoint_path(folder: Path, iteration: int) -> Path:
    """Return the file for the state after `iteration` iterations."""
    return folder / f"iteration-{iteration:06d}.safetensors"


def checkpoints_newest_first(folder: Path) -> list[Path]:
    """Return the numbered checkpoints in `folder`; `BEST` is a second name of one of them."""
    numbered = [
        path for path in folder.glob("iteration-*.safetensors") if _number(path).isdecimal()
    ]
    return sorted(numbered, key=lambda path: int(_number(path)), reverse=True)


def _number(path: Path) -> str:
    return path.stem.removeprefix("iteration-")


def write_checkpoint(path: Path, tensors: Mapping[str, Tensor], record: Mapping[str, Any]) -> None:
    """Write `path` atomically: a kill or a full disk leaves what was there before.

    Raises `OutputNotWritten`.
    """
    held = {**record, "format": FORMAT_VERSION, "crc32": _checksum(tensors)}
    try:
        with whole_file(path) as partial:
            mode = partial.stat().st_mode
            save_file(dict(tensors), partial, {METADATA_KEY: json.dumps(held)})
            partial.chmod(mode)  # safetensors puts a file of mode 0600 in its place
    except SafetensorError as error:
        raise OutputNotWritten(f"{path}: not written: {error}") from error


def read_checkpoint(path: Path) -> Checkpoint:
    """Return the content of `path`; raises `DamagedCheckpoint` if it is not what was written."""
    try:
        with safe_open(path, "pt") as file:
            record = json.loads((file.metadata() or {})[METADATA_KEY])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise DamagedCheckpoint(f"{path} is damaged or not a checkpoint: {error}") from error
    if record.get("format") != FORMAT_VERSION:
        raise DamagedCheckpoint(
            f"{path} has format {record.get('format')}, this version reads {FORMAT_VERSION}"
        )
    if record["crc32"] != _checksum(tensors):
        raise DamagedCheckpoint(f"{path} is damaged: its tensors are not those that were written")
    return Checkpoint(path, tensors, record)


def restore_newest(folder: Path, restore: Callable[[Checkpoint], None]) -> Checkpoint:
    """Pass the newest checkpoint that is whole and fits to `restore`, and return it.

    `restore` raises `DamagedCheckpoint` for one that does not fit. A warning names each checkpoint
    that is passed over. Raises `DamagedCheckpoint` if none is left.
    """
    paths = checkpoints_newest_first(folder)
    for path in paths:
        try:
            checkpoint = read_checkpoint(path)
            restore(checkpoint)
        except DamagedCheckpoint as error:
            _logger.warning("%s; trying the one before it", error)
            continue
        return checkpoint
    found = f"none of {len(paths)} checkpoints" if paths else "no checkpoint"
    raise DamagedCheckpoint(f"{folder} holds {found} that can be read")


def keep_newest(folder: Path, count: int, iteration: int) -> None:
    """Delete all but the newest `count` numbered checkpoints, and unfinished files of a kill.

    Also those after `iteration`, the present one: the run has gone on from an earlier one because
    they are damaged.
    """
    paths = checkpoints_newest_first(folder)
    later = [path for path in paths if int(_number(path)) > iteration]
    for path in [*later, *paths[len(later) + count :]]:
        path.unlink()
    for path in folder.glob(f"*{PARTIAL}"):
        path.unlink()


def keep_as_best(path: Path) -> None:
    """Link or copy the checkpoint `path` to `BEST`, which `keep_newest` does not delete."""
    with whole_file(path.with_name(BEST)) as partial:
        partial.unlink()
        try:
            os.link(path, partial)
        except OSError:  # a file system without hard links
            shutil.copyfile(path, partial)


def _checksum(tensors: Mapping[str, Tensor]) -> int:
    checksum = 0
    for name in sorted(tensors):
        checksum = zlib.crc32(name.encode(), checksum)
        content = tensors[name].contiguous().reshape(-1).view(torch.uint8)
        checksum = zlib.crc32(content.numpy().data, checksum)
    return checksum
