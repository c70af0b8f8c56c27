"""A video with frames behind it: packets copied, a tail encoded, the seam proved exact."""
