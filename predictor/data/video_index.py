"""What is known about every video in a folder before any of it is used for training."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from hashlib import blake2b
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from predictor.data.footage import Picture, pictures_at, pictures_numbered
from predictor.data.packed import PackedFrames


@dataclass(frozen=True, eq=False)
class IndexedVideo:
    """One readable video file or folder of frames; frames count in order of presentation."""

    name: str
    """Path relative to the indexed folder, with forward slashes; "." is the folder itself."""

    size: tuple[int, int]
    """``(height, width)`` as displayed."""

    time_base: Fraction
    timestamps: NDArray[np.int64]
    """Presentation time of every frame in units of `time_base`."""

    motion: NDArray[np.float32]
    """Mean absolute grey difference to the frame before, full scale 1; see `shots`."""

    cuts: NDArray[np.int64]
    """Numbers of the frames that begin a new shot, ascending."""

    repeats: NDArray[np.int64]
    """Numbers of the frames that show the one before again while the video moves, ascending."""

    stamp: tuple[int, int, int] = (0, 0, 0)
    """What changes when the file does: number of files, bytes, last modification in ns."""

    can_seek: bool = True
    """Whether a frame is found by its time; else only by counting from the first."""

    truncated: str | None = None
    """What was wrong, where only a part of the file is readable."""

    @property
    def frame_count(self) -> int:
        """Number of frames that can be decoded."""
        return len(self.timestamps)

    @property
    def interval_s(self) -> float:
        """Median time between frames in seconds; 0 for a single frame."""
        if self.frame_count < 2:
            return 0.0
        return float(np.median(np.diff(self.timestamps)) * self.time_base)

    @property
    def rate_hz(self) -> float:
        """Frames per second, by the median interval; 0 for a single frame."""
        return 1 / self.interval_s if self.interval_s > 0 else 0.0

    @property
    def duration_s(self) -> float:
        """Seconds from the first frame to the end of the last, in frames of the usual length."""
        if self.frame_count < 2:
            return 0.0
        span = int(self.timestamps[-1] - self.timestamps[0])
        return float(span * self.time_base) + self.interval_s


@dataclass(frozen=True, eq=False)
class VideoIndex:
    """All videos of a folder, sorted by name, and what could not be used."""

    item: ClassVar[str] = "video"

    root: Path
    videos: tuple[IndexedVideo, ...]
    skipped: tuple[tuple[str, str], ...] = ()
    """Name and reason of each video that is not among `videos`, sorted by name."""

    packed: PackedFrames | None = None
    """Frames that need no decoding; see `packing`."""

    @property
    def names(self) -> list[str]:
        """Names of all videos."""
        return [video.name for video in self.videos]

    @property
    def digest(self) -> str:
        """What changes with names, lengths or times of the files, not when they are moved."""
        digest = blake2b(digest_size=16)
        for video in self.videos:
            files, size, _ = video.stamp
            about = f"{video.name}\0{files}\0{size}\0{video.time_base}\0"
            digest.update(about.encode(errors="surrogateescape") + video.timestamps.tobytes())
        return digest.hexdigest()

    def path(self, video: IndexedVideo) -> Path:
        """Return where `video` lies."""
        return self.root / video.name

    def pictures(self, video: IndexedVideo, numbers: Sequence[int]) -> list[Picture]:
        """Return the frames of `video` with these ascending numbers.

        Raises `UnreadableVideo` if the file has changed so that they are not there.
        """
        if self.packed is not None and video.name in self.packed:
            return self.packed.pictures(video.name, numbers)
        if not video.can_seek:
            return pictures_numbered(self.path(video), numbers)
        ticks = (int(video.timestamps[number]) for number in numbers)
        return pictures_at(self.path(video), [tick * video.time_base for tick in ticks])

    def subset(self, names: set[str]) -> "VideoIndex":
        """Return the index of only these videos."""
        videos = tuple(video for video in self.videos if video.name in names)
        return replace(self, videos=videos, skipped=())
