"""Files in, files out: predict the next frames of videos, fill holes in photographs."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipelines.frames.clip import predict_frames as predict_frames
    from pipelines.frames.result import FramesResult as FramesResult
    from pipelines.inpaint.photograph import FilledPhotograph as FilledPhotograph
    from pipelines.inpaint.photograph import fill_photograph as fill_photograph
    from pipelines.inpaint.video import FilledVideo as FilledVideo
    from pipelines.inpaint.video import fill_video as fill_video

__all__ = [
    "FilledPhotograph",
    "FilledVideo",
    "FramesResult",
    "fill_photograph",
    "fill_video",
    "predict_frames",
]

_HOMES = {
    "predict_frames": "pipelines.frames.clip",
    "FramesResult": "pipelines.frames.result",
    "fill_photograph": "pipelines.inpaint.photograph",
    "FilledPhotograph": "pipelines.inpaint.photograph",
    "fill_video": "pipelines.inpaint.video",
    "FilledVideo": "pipelines.inpaint.video",
}


def __getattr__(name: str) -> Any:
    """Import what is public only when it is asked for: `predictor --help` must not load torch."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
