import io
import struct
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
import PIL.Image
import PIL.ImageOps
import PIL.TiffImagePlugin
import pytest
from made_photographs import (
    HEIGHT,
    HOLE,
    PROFILE,
    WIDTH,
    XMP,
    by_pillow,
    decoded,
    exif,
    jpeg,
    paint,
    png,
    smooth,
)

from predictor.errors import OutputNotWritten, UnreadableImage
from predictor.media.photographs.opening import open_photograph
from predictor.media.photographs.photograph import Photograph, Saving

SAID = {"icc_profile": PROFILE, "exif": exif(6), "xmp": XMP}


def opened(tmp_path: Path, data: bytes, saving: Saving = Saving()) -> Photograph:  # noqa: B008 - frozen
    path = tmp_path / "a.file"
    path.write_bytes(data)
    return open_photograph(path, saving)


def rgb(channels: int = 3) -> PIL.Image.Image:
    return PIL.Image.fromarray(smooth(channels))


def only_the_hole_differs(data: bytes, written: bytes, box: Any = HOLE) -> bool:
    old, new = decoded(data), decoded(written)
    differs = old != new
    differs = differs if differs.ndim == 2 else differs.any(2)
    has_hole = differs[box.rows, box.columns].any()
    differs[box.rows, box.columns] = False
    return bool(has_hole and not differs.any())


def rgb_16(channels: int) -> PIL.Image.Image:
    return PIL.Image.fromarray(smooth(channels, np.uint16))


def bmp_with_opacity() -> bytes:
    pixels = smooth(4)
    height, width = pixels.shape[:2]
    masks = struct.pack("<4I", 0xFF, 0xFF00, 0xFF0000, 0xFF000000)
    head = struct.pack("<IiiHHIIiiII", 108, width, height, 1, 32, 3, pixels.size, 0, 0, 0, 0)
    start = struct.pack("<3I", 122 + pixels.size, 0, 122)
    return b"BM" + start + head + masks + b"BGRs" + b"\0" * 48 + pixels[::-1].tobytes()


LOSSLESS = {
    "BMP": lambda: by_pillow(rgb(), "BMP", dpi=(100, 100)),
    "BMP with opacity": lambda: by_pillow(rgb(4), "BMP"),
    "BMP grey": lambda: by_pillow(rgb(1), "BMP"),
    "BMP palette": lambda: by_pillow(rgb().quantize(50), "BMP"),
    "PPM": lambda: by_pillow(rgb(), "PPM"),
    "PGM": lambda: by_pillow(rgb(1), "PPM"),
    "PPM 16": lambda: cv2.imencode(".ppm", smooth(3, np.uint16))[1].tobytes(),
    "DIB": lambda: by_pillow(rgb(), "DIB", dpi=(100, 100)),
    "TGA": lambda: by_pillow(rgb(), "TGA", compression="tga_rle", id_section=b"hello"),
    "TGA upside down": lambda: by_pillow(rgb(4), "TGA", orientation=1),
    "TGA palette": lambda: by_pillow(rgb().quantize(50), "TGA"),
    "PCX": lambda: by_pillow(rgb(), "PCX"),
    "PCX palette": lambda: by_pillow(rgb().quantize(50), "PCX"),
    "SGI": lambda: by_pillow(rgb(4), "SGI"),
    "QOI": lambda: by_pillow(rgb(4), "QOI"),
    "BMP of version 4": lambda: bmp_with_opacity(),
    "JPEG 2000 grey 16": lambda: by_pillow(rgb_16(1), "JPEG2000"),
    "GIF": lambda: by_pillow(rgb().quantize(40), "GIF", comment=b"hello"),
    "JPEG 2000": lambda: by_pillow(rgb(), "JPEG2000"),
    "WebP": lambda: by_pillow(rgb(), "WEBP", lossless=True, icc_profile=PROFILE, xmp=XMP),
    "WebP with opacity": lambda: by_pillow(rgb(4), "WEBP", lossless=True, exact=True),
}


@pytest.mark.parametrize("kind", LOSSLESS)
def test_known_samples_are_identical(tmp_path: Path, kind: str) -> None:
    data = LOSSLESS[kind]()
    photograph = opened(tmp_path, data)
    assert photograph.keeps == "samples"
    written = paint(photograph)
    assert PIL.Image.open(io.BytesIO(written)).format == PIL.Image.open(io.BytesIO(data)).format
    assert PIL.Image.open(io.BytesIO(written)).mode == PIL.Image.open(io.BytesIO(data)).mode
    assert only_the_hole_differs(data, written)


def test_deep_jpeg_2000_in_colour_says_that_it_becomes_8_bits(tmp_path: Path) -> None:
    data = cv2.imencode(".jp2", smooth(3, np.uint16))[1].tobytes()
    for saving in (Saving(), Saving("png")):
        photograph = opened(tmp_path, data, saving)
        assert photograph.notes[-1] == "16 bits a channel are written with 8"
        assert photograph.keeps == "nothing"


def test_a_tga_keeps_its_compression_and_text(tmp_path: Path) -> None:
    data = LOSSLESS["TGA"]()
    old, new = (
        PIL.Image.open(io.BytesIO(held)).info for held in (data, paint(opened(tmp_path, data)))
    )
    assert old["compression"] == "tga_rle"
    assert {key: new[key] for key in old} == old


def test_a_tga_palette_with_opacity_becomes_colours(tmp_path: Path) -> None:
    colours = np.array([[0, 0, 255, 64], [0, 255, 0, 255]], np.uint8)
    head = struct.pack("<BBBHHBHHHHBB", 0, 1, 1, 0, 2, 32, 0, 0, WIDTH, HEIGHT, 8, 0x20)
    data = head + colours.tobytes() + bytes(n % 2 for n in range(WIDTH * HEIGHT))
    photograph = opened(tmp_path, data)
    assert photograph.notes == ("its palette has opacity and is written as colours",)
    for held in (photograph.encoded(), opened(tmp_path, data, Saving("png")).encoded()):
        written = PIL.Image.open(io.BytesIO(held))
        assert written.mode == "RGBA"
        assert [written.getpixel((x, 0)) for x in (0, 1)] == [(255, 0, 0, 64), (0, 255, 0, 255)]


def test_a_deep_sgi_says_that_it_becomes_8_bits(tmp_path: Path) -> None:
    data = by_pillow(rgb(), "SGI", bpc=2)
    photograph = opened(tmp_path, data)
    assert photograph.notes == ("16 bits a channel are written with 8",)
    assert photograph.keeps == "nothing"


def test_a_gif_keeps_its_palette_comment_and_transparency(tmp_path: Path) -> None:
    picture = rgb().quantize(40)
    data = by_pillow(picture, "GIF", comment=b"hello", transparency=7)
    old = PIL.Image.open(io.BytesIO(data))
    new = PIL.Image.open(io.BytesIO(paint(opened(tmp_path, data))))
    assert old.getpalette()[: 3 * 40] == new.getpalette()[: 3 * 40]  # type: ignore[index] # it has one
    assert new.info["comment"] == b"hello"
    assert new.info["transparency"] == 7
    assert not (np.asarray(new)[HOLE.rows, HOLE.columns] == 7).any()


class TestWebp:
    def test_a_lossy_one_is_written_at_least_as_finely(self, tmp_path: Path) -> None:
        pixels = smooth(3, size=(240, 320))
        found = []
        for quality in (10, 40, 60, 75, 80, 90, 97):
            data = by_pillow(PIL.Image.fromarray(pixels), "WEBP", quality=quality)
            photograph = opened(tmp_path, data)
            assert photograph.keeps == "nothing"
            found.append(int(photograph.notes[0].rsplit(" ", 1)[1]))
            assert quality - 3 <= found[-1] <= 62 + quality * 2 // 5
            assert 0.9 < len(photograph.encoded()) / len(data) < 1.6
        assert found == sorted(set(found))

    def test_its_chunks_stay(self, tmp_path: Path) -> None:
        data = by_pillow(rgb(), "WEBP", quality=80, **SAID)
        private = b"priv" + struct.pack("<I", 3) + b"abc\0"
        data = data[:4] + struct.pack("<I", len(data) - 8 + len(private)) + data[8:] + private
        written = paint(opened(tmp_path, data))
        assert written.endswith(private)
        picture = PIL.Image.open(io.BytesIO(written))
        assert picture.info["icc_profile"] == PROFILE
        assert picture.info["exif"] == PIL.Image.open(io.BytesIO(data)).info["exif"]
        assert picture.info["xmp"] == XMP

    def test_a_quality_asked_for(self, tmp_path: Path) -> None:
        data = by_pillow(rgb(), "WEBP", quality=50)
        small, large = (
            len(opened(tmp_path, data, Saving(quality=quality)).encoded()) for quality in (20, 95)
        )
        assert small < large

    def test_an_animation_is_refused(self, tmp_path: Path) -> None:
        frames = [rgb(), PIL.Image.fromarray(smooth(3)[::-1])]
        data = by_pillow(frames[0], "WEBP", save_all=True, append_images=frames[1:])
        with pytest.raises(UnreadableImage, match="2 frames: it is animated"):
            opened(tmp_path, data)

    def test_an_animation_of_one_frame_is_refused(self, tmp_path: Path) -> None:
        picture = by_pillow(rgb(), "WEBP", lossless=True)[12:]
        frame = struct.pack("<5I", 0, 0, WIDTH - 1, HEIGHT - 1, 100)
        frame = b"".join(frame[start : start + 3] for start in range(0, 20, 4)) + b"\0" + picture
        size = struct.pack("<I", WIDTH - 1)[:3] + struct.pack("<I", HEIGHT - 1)[:3]
        chunks = [(b"VP8X", b"\2\0\0\0" + size), (b"ANIM", bytes(6)), (b"ANMF", frame)]
        body = b"".join(kind + struct.pack("<I", len(held)) + held for kind, held in chunks)
        data = b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body
        with PIL.Image.open(io.BytesIO(data)) as said:
            assert said.n_frames == 1  # type: ignore[attr-defined] # of a WebP
        with pytest.raises(UnreadableImage, match=r"a\.file is animated"):
            opened(tmp_path, data)

    def test_a_lossless_one_with_opacity_becomes_lossy(self, tmp_path: Path) -> None:
        pixels = smooth(4)
        for said in ({}, {"icc_profile": PROFILE}):
            data = by_pillow(PIL.Image.fromarray(pixels), "WEBP", lossless=True, exact=True, **said)
            written = paint(opened(tmp_path, data, Saving(quality=80)))
            picture = PIL.Image.open(io.BytesIO(written))
            assert picture.mode == "RGBA"
            assert np.array_equal(np.asarray(picture)[..., 3], pixels[..., 3])
            assert picture.info.get("icc_profile") == said.get("icc_profile")
            assert written.count(b"VP8X") == 1

    def test_a_file_cut_off_is_refused(self, tmp_path: Path) -> None:
        data = by_pillow(rgb(), "WEBP", quality=50)
        for keep in (0.1, 0.5, 0.95):
            with pytest.raises(UnreadableImage, match=r"a\.file"):
                opened(tmp_path, data[: int(len(data) * keep)])


class TestPhonePhotographs:
    def test_avif(self, tmp_path: Path) -> None:
        data = by_pillow(rgb(), "AVIF", quality=90, **SAID)
        photograph = opened(tmp_path, data)
        assert photograph.keeps == "nothing"
        assert "AVIF is encoded again" in photograph.notes[0]
        written = PIL.Image.open(io.BytesIO(paint(photograph)))
        assert written.format == "AVIF"
        assert written.info["icc_profile"] == PROFILE
        assert written.getexif()[0x0112] == PIL.Image.open(io.BytesIO(data)).getexif()[0x0112]
        assert written.info["xmp"] == XMP

    def test_heic(self, tmp_path: Path) -> None:
        pillow_heif = pytest.importorskip("pillow_heif")
        stream = io.BytesIO()
        pillow_heif.from_pillow(rgb()).save(stream, quality=90, icc_profile=PROFILE, exif=exif(1))
        photograph = opened(tmp_path, stream.getvalue())
        written = paint(photograph, (0.9, -0.9, -0.9))
        assert written[4:8] == b"ftyp"
        again = opened(tmp_path, written).canvases[0]
        middle = HOLE._replace(top=26, left=38, bottom=30, right=42)
        assert (again.pixels(middle).mean((1, 2)) - again.pixels().new_tensor((0.9, -0.9, -0.9))
                ).abs().max() < 0.15  # fmt: skip
        assert PIL.Image.open(io.BytesIO(written)).info["icc_profile"] == PROFILE

    def test_heic_without_its_extra_names_it(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(__import__("sys").modules, "pillow_heif", None)
        with pytest.raises(UnreadableImage, match=r"predictor-pipelines\[heif\]"):
            opened(tmp_path, b"\0\0\0\x18ftypheic" + b"\0" * 100)


class TestConversion:
    SOURCES: ClassVar = {
        "jpeg": lambda: jpeg(orientation=6),
        "grey jpeg": lambda: jpeg("L"),
        "png": lambda: png(smooth(3), orientation=6),
        "png with opacity": lambda: png(smooth(4)),
        "png with a soft palette": lambda: by_pillow(
            rgb().quantize(64), "PNG", transparency=bytes(range(0, 256, 4))
        ),
        "png with a hidden black": lambda: by_pillow(
            PIL.Image.fromarray(smooth(1) > 100), "PNG", transparency=0
        ),
        "png 16": lambda: png(smooth(1, np.uint16)),
        "gif": lambda: by_pillow(rgb().quantize(40), "GIF", transparency=3),
        "bmp": lambda: by_pillow(rgb(), "BMP"),
        "black and white": lambda: png(smooth(1) > 100),
        "tiff": lambda: by_pillow(rgb(), "TIFF", dpi=(300, 300)),
    }  # fmt: skip

    @pytest.mark.parametrize("source", SOURCES)
    @pytest.mark.parametrize("target", ["png", "tiff", "webp"])
    def test_known_colours_are_identical(self, tmp_path: Path, source: str, target: Any) -> None:
        data = self.SOURCES[source]()
        photograph = opened(tmp_path, data, Saving(target))
        written = PIL.Image.open(io.BytesIO(paint(photograph)))
        assert written.format == target.upper()
        if source.split()[0] == target or (source, target) == ("black and white", "png"):
            return
        assert photograph.notes[0] == f"written as {target.upper()}"
        if photograph.keeps == "nothing":
            assert source == "png 16"
            assert target == "webp"
            return
        old = PIL.ImageOps.exif_transpose(PIL.Image.open(io.BytesIO(data)))
        new = PIL.ImageOps.exif_transpose(written)
        if old.mode != "I;16":
            old, new = old.convert("RGBA"), new.convert("RGBA")
        before, after = np.array(old), np.array(new)
        if before.ndim == 3:
            before[before[..., 3] == 0] = 0
            after[after[..., 3] == 0] = 0
        differs = before != after
        differs = differs.any(2) if differs.ndim == 3 else differs
        assert differs[HOLE.rows, HOLE.columns].any()
        differs[HOLE.rows, HOLE.columns] = False
        assert not differs.any()

    def test_the_opacity_of_a_palette_of_a_tiff_is_kept(self, tmp_path: Path) -> None:
        picture = rgb().quantize(64).convert("PA")
        picture.putalpha(PIL.Image.fromarray(smooth(1)))
        written = opened(tmp_path, by_pillow(picture, "TIFF"), Saving("png")).encoded()
        assert np.array_equal(PIL.Image.open(io.BytesIO(written)), picture.convert("RGBA"))

    def test_what_it_says_about_itself_is_taken_over(self, tmp_path: Path) -> None:
        data = jpeg(orientation=6)
        for target in ("png", "tiff", "webp"):
            photograph = opened(tmp_path, data, Saving(target))  # type: ignore[arg-type] # literals
            written = PIL.Image.open(io.BytesIO(photograph.encoded()))
            assert written.info["icc_profile"] == PROFILE
            assert written.getexif()[0x0112] == 6
            if target != "webp":
                assert np.allclose([float(v) for v in written.info["dpi"]], 300, atol=0.1)

    @pytest.mark.parametrize("source", SOURCES)
    def test_jpeg_of_anything(self, tmp_path: Path, source: str) -> None:
        data = self.SOURCES[source]()
        if source.endswith("jpeg"):
            return
        photograph = opened(tmp_path, data, Saving("jpeg", 90))
        assert photograph.keeps == "nothing"
        written = PIL.Image.open(io.BytesIO(photograph.encoded()))
        assert written.format == "JPEG"
        if source == "png with opacity":
            assert "white takes its place" in photograph.notes[-1]
            over = PIL.Image.new("RGBA", written.size, "white")
            over.alpha_composite(PIL.Image.open(io.BytesIO(data)))
            error = np.abs(np.asarray(over.convert("RGB")).astype(int) - np.asarray(written))
            assert error.mean() < 4

    def test_only_tags_that_say_something_leave_a_tiff(self, tmp_path: Path) -> None:
        tags = PIL.TiffImagePlugin.ImageFileDirectory_v2()
        tags[271], tags[270] = "Maker", "what is seen"
        tags[34377], tags[37724] = b"8BIM" + b"\0" * 70_000, b"layers" * 20_000
        tags.tagtype[34377], tags.tagtype[37724] = 1, 7
        exif_tags = PIL.Image.Exif()
        exif_tags.get_ifd(0x8769)[0x9003] = "2020:01:01 00:00:00"
        tags[0x8769] = exif_tags.get_ifd(0x8769)
        data = by_pillow(rgb(), "TIFF", tiffinfo=tags, icc_profile=PROFILE)
        for target in ("jpeg", "webp", "png"):
            photograph = opened(tmp_path, data, Saving(target))  # type: ignore[arg-type] # literals
            assert not any("EXIF" in note for note in photograph.notes)
            written = photograph.encoded()
            assert b"layers" not in written
            said = PIL.Image.open(io.BytesIO(written)).getexif()
            assert set(said) == {270, 271, 0x8769}
            assert (said[270], said[271]) == ("what is seen", "Maker")
            assert said.get_ifd(0x8769)[0x9003] == "2020:01:01 00:00:00"

    @pytest.mark.parametrize("source", ["WEBP", "AVIF", "PNG"])
    def test_exif_reaches_jpeg_from_every_format(self, tmp_path: Path, source: str) -> None:
        data = by_pillow(rgb(), source, exif=exif(6))
        written = PIL.Image.open(
            io.BytesIO(opened(tmp_path, data, Saving("jpeg")).encoded())
        ).getexif()
        assert written[0x010F] == "Maker"
        assert written.get(0x0112) == PIL.Image.open(io.BytesIO(data)).getexif().get(0x0112)

    def test_what_is_too_long_for_jpeg_is_left_out_with_a_note(self, tmp_path: Path) -> None:
        long = PIL.Image.Exif()
        long[0x9286], long[0x010E] = b"x" * 70_000, "short"
        for option, name in (
            ({"exif": long.tobytes()}, "EXIF"),
            ({"xmp": b"<x:xmpmeta>" + b"x" * 65_510 + b"</x:xmpmeta>"}, "XMP"),
        ):
            data = by_pillow(rgb(), "WEBP", **{"exif": exif(6), "xmp": XMP} | option)
            photograph = opened(tmp_path, data, Saving("jpeg"))
            assert photograph.notes[-1] == f"{name} is left out: JPEG has room for 64 kB of it"
            found = PIL.Image.open(io.BytesIO(photograph.encoded())).info
            assert ("exif" in found, "xmp" in found) == (name != "EXIF", name != "XMP")

    def test_a_side_that_the_format_does_not_have_is_refused_at_once(self, tmp_path: Path) -> None:
        data = by_pillow(PIL.Image.new("L", (16_384, 2)), "PNG")
        message = "16384x2, and WEBP has sides of at most 16383; --format png or tiff has room"
        with pytest.raises(OutputNotWritten, match=message):
            opened(tmp_path, data, Saving("webp"))
        assert opened(tmp_path, data, Saving("jpeg")).encoded()
        data = by_pillow(PIL.Image.new("L", (16_383, 2)), "PNG")
        assert opened(tmp_path, data, Saving("webp")).encoded()

    def test_inks_become_srgb_by_their_profile(self, tmp_path: Path) -> None:
        photograph = opened(tmp_path, jpeg("CMYK"), Saving("png"))
        assert photograph.notes[1] == (
            "PNG has no CMYK: converted to sRGB without a profile of its inks"
        )

    def test_16_bit_colour_stays_16_bit_in_tiff(self, tmp_path: Path) -> None:
        from made_photographs import deep_png

        data = deep_png(3)
        written = opened(tmp_path, data, Saving("tiff")).encoded()
        assert np.array_equal(decoded(written), decoded(data))
        assert decoded(written).dtype == np.uint16


def test_a_format_that_is_only_read_is_refused(tmp_path: Path) -> None:
    data = by_pillow(rgb(), "DDS")
    with pytest.raises(UnreadableImage, match="DDS, which is not written here; --format png"):
        opened(tmp_path, data)
    assert opened(tmp_path, data, Saving("png")).encoded()[:4] == b"\x89PNG"
