"""Adversarial systems: one method a file, each as networks and phases."""

from predictor.systems import frames
from predictor.systems.entry import SystemEntry

SYSTEMS: dict[str, SystemEntry] = {
    "frames": SystemEntry(frames.FramesSettings, frames.build, frames.open_data),
}
"""What can be trained, by the name that the command line takes."""
