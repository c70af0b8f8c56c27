"""Videos, photographs and small pictures of the user's own, looked at once, cut into examples."""

from predictor.data.clips import ClipDataset, ClipSettings
from predictor.data.evaluation import (
    EvaluationWindows,
    evaluation_windows,
    videos_with_windows,
)
from predictor.data.image_formats import open_images
from predictor.data.indexing import index_videos
from predictor.data.labelled_images import (
    HeldOutImages,
    ImageDataset,
    ImageSettings,
    SplitImages,
    digest_of,
    split_images,
)
from predictor.data.mask_source import MaskKind, MaskSettings, MaskSource
from predictor.data.packing import frame_bytes, with_packed_frames
from predictor.data.photo_index import PhotoIndex, index_photos
from predictor.data.photographs import HeldOutPhotos, PhotoDataset, PhotoSettings
from predictor.data.semi_supervised import SemiSupervisedImages, rows_of_each_class
from predictor.data.split import split_by_file, thinned
from predictor.data.video_index import IndexedVideo, VideoIndex

__all__ = [
    "ClipDataset",
    "ClipSettings",
    "EvaluationWindows",
    "HeldOutImages",
    "HeldOutPhotos",
    "ImageDataset",
    "ImageSettings",
    "IndexedVideo",
    "MaskKind",
    "MaskSettings",
    "MaskSource",
    "PhotoDataset",
    "PhotoIndex",
    "PhotoSettings",
    "SemiSupervisedImages",
    "SplitImages",
    "VideoIndex",
    "digest_of",
    "evaluation_windows",
    "frame_bytes",
    "index_photos",
    "index_videos",
    "open_images",
    "rows_of_each_class",
    "split_by_file",
    "split_images",
    "thinned",
    "videos_with_windows",
    "with_packed_frames",
]
