"""Images and videos, in and out: the only decoder, the only encoder, the only uint8 HWC."""
