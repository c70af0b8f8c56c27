"""Adversarial systems: one method a file, each as networks and phases."""

from predictor.systems import frames, inpaint
from predictor.systems.entry import SystemEntry

SYSTEMS: dict[str, SystemEntry] = {
    "frames": SystemEntry(frames.FramesSettings, frames.build, frames.open_data),
    "inpaint": SystemEntry(inpaint.InpaintSettings, inpaint.build, inpaint.open_data),
}
"""What can be trained, by the name that the command line takes."""
