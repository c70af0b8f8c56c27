"""Predict the next frames of videos, fill holes in photographs, train the networks that do it."""

__version__ = "0.1.0"
