"""Adversarial systems: one method a file, each as networks and phases."""

from predictor.systems import (
    classifier,
    conditional_gan,
    dcgan,
    frames,
    gan,
    improved_gan,
    infogan,
    inpaint,
    lapgan,
)
from predictor.systems.entry import SystemEntry

SYSTEMS: dict[str, SystemEntry] = {
    "classifier": SystemEntry(classifier.ClassifierSettings, classifier.build, gan.open_data),
    "conditional-gan": SystemEntry(
        conditional_gan.ConditionalGanSettings, gan.build, gan.open_data
    ),
    "dcgan": SystemEntry(dcgan.DcganSettings, dcgan.build, dcgan.open_data),
    "frames": SystemEntry(frames.FramesSettings, frames.build, frames.open_data),
    "gan": SystemEntry(gan.GanSettings, gan.build, gan.open_data),
    "improved-gan": SystemEntry(
        improved_gan.ImprovedGanSettings, improved_gan.build, improved_gan.open_data
    ),
    "infogan": SystemEntry(infogan.InfoganSettings, infogan.build, infogan.open_data),
    "inpaint": SystemEntry(inpaint.InpaintSettings, inpaint.build, inpaint.open_data),
    "lapgan": SystemEntry(lapgan.LapganSettings, lapgan.build, gan.open_data),
}
"""What can be trained, by the name that the command line takes."""
