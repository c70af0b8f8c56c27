"""Which videos are trained on and which are held out."""

from hashlib import blake2b

from predictor.data.video_index import VideoIndex
from predictor.errors import UnusableData

TRAIN_FOLDER, VALIDATION_FOLDER = "train", "val"


def split_by_file(
    index: VideoIndex, validation_share: float = 0.1
) -> tuple[VideoIndex, VideoIndex]:
    """Return the indexes to train on and to validate with; no video is in both.

    A folder that holds ``train/`` and ``val/`` is split as it says: ``val/`` is held out, all else
    is trained on. In any other each video is held out by a hash of its relative path, so that a
    new video never moves an old one across; both sides get at least one.

    Raises `UnusableData` if there is only one video.
    """
    names = [video.name for video in index.videos]
    if len(names) < 2:
        raise UnusableData(
            f"{index.root} has one readable video ({names[0]}); training needs two or more, "
            "so that one can be held out"
        )
    tops = {name.split("/")[0] for name in names}
    if {TRAIN_FOLDER, VALIDATION_FOLDER} <= tops:
        held_out = {name for name in names if name.split("/")[0] == VALIDATION_FOLDER}
    else:
        ranked = sorted(names, key=_fraction)
        count = sum(_fraction(name) < validation_share for name in ranked)
        held_out = set(ranked[: min(max(count, 1), len(names) - 1)])
    return index.subset(set(names) - held_out), index.subset(held_out)


def _fraction(name: str) -> float:
    """Return a number in [0, 1) that depends on nothing but the name."""
    return int.from_bytes(blake2b(name.encode(), digest_size=6).digest()) / 2**48
