"""Photographs as files: opened, painted on, and written again with everything they carry.

What a file says about its picture survives byte for byte where its format allows that: segments of
JPEG, chunks of PNG and WebP, tags and pages of TIFF. Known pixels keep their samples, in JPEG the
coefficients of their blocks.
"""
