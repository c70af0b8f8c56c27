"""Videos of the user's own, indexed once and cut into examples."""

from predictor.data.clips import ClipDataset, ClipSettings
from predictor.data.evaluation import EvaluationWindows, evaluation_windows
from predictor.data.indexing import index_videos
from predictor.data.packing import with_packed_frames
from predictor.data.split import split_by_file
from predictor.data.video_index import IndexedVideo, VideoIndex

__all__ = [
    "ClipDataset",
    "ClipSettings",
    "EvaluationWindows",
    "IndexedVideo",
    "VideoIndex",
    "evaluation_windows",
    "index_videos",
    "split_by_file",
    "with_packed_frames",
]
