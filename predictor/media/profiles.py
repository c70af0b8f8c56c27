"""Profiles of ProRes and DNxHR, which decide the quality, by the names that encoders take."""

_PRORES_PROFILES = {"Proxy": "proxy", "LT": "lt", "Standard": "standard", "HQ": "hq"} | {
    "4444": "4444",
    "XQ": "4444xq",
}
_DNXHR_PROFILES = {f"DNXHR {name}": f"dnxhr_{name.lower()}" for name in ("LB", "SQ", "HQ")}
_DEEP_DNXHR_PROFILES = {  # pixel format: its only profile
    "yuv422p10le": "dnxhr_hqx",
    "yuv444p10le": "dnxhr_444",
    "gbrp10le": "dnxhr_444",
}


def profile_like(profile: str | None, encoder: str, pixel_format: str) -> str | None:
    """Return what `encoder` calls the `profile` of a source, as FFmpeg's decoders name it.

    None where the encoder has none like it, or chooses by itself. DNxHR has a profile always: the
    one of its deeper `pixel_format`, else the source's, else HQ. DNxHD, whose profile is told by a
    rate for each size, is not chosen: it has few sizes.
    """
    if encoder == "prores_ks":
        return _PRORES_PROFILES.get(profile or "")
    if encoder == "dnxhd":
        usual = _DNXHR_PROFILES.get(profile or "", "dnxhr_hq")
        return _DEEP_DNXHR_PROFILES.get(pixel_format, usual)
    return None
