"""Files in, files out: predict the next frames of videos, fill holes in photographs."""
