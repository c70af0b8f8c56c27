"""Frames appended to a video: packets copied, a tail encoded, the seam checked by decoding."""
