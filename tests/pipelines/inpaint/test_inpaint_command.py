"""`predictor inpaint`: exit codes, stdout, stderr, the JSON document and the files."""

import json
import os
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from ended import Command
from made_clips import decoded, pictures, write_clip
from photo_folders import HEIGHT, WIDTH, contents, format_of, hole, photograph, pixels_of, scene

from pipelines.inpaint.request import InpaintRequest, InpaintSettings, filled

BOX = ("--mask", "box:20,10,16,16", "--model", "telea")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for number in range(3):
        photograph(tmp_path / "photos" / f"{number}.png", number)
    photograph(tmp_path / "photos" / "day" / "3.jpg", 3)
    return tmp_path / "photos"


def test_one_photograph_lies_filled_beside_its_source(command: Command, tmp_path: Path) -> None:
    source = photograph(tmp_path / "a.png")
    ended = command("inpaint", source, *BOX)
    assert (ended.code, ended.err) == (0, "")
    output = tmp_path / "a.filled.png"
    assert ended.out.split() == [str(output)]
    differs = (pixels_of(output) != scene()).any(axis=2)
    assert differs[10:26, 20:36].mean() > 0.5
    differs[10:26, 20:36] = False
    assert not differs.any()


def test_a_folder_keeps_its_tree_and_gets_a_manifest(command: Command, photos: Path) -> None:
    (photos / "notes.txt").write_text("no picture")
    ended = command("inpaint", photos, *BOX)
    assert ended.code == 0
    out = photos.with_name("photos.filled")
    assert sorted(contents(out)) == ["0.png", "1.png", "2.png", "day/3.jpg"]
    assert "4 filled, 1 other file left alone (.txt)" in ended.err
    lines = [json.loads(line) for line in (out / "inpaint.jsonl").read_text().splitlines()]
    done = [line for line in lines if line["status"] == "done"]
    assert [line["output"] for line in done] == ["0.png", "1.png", "2.png", "day/3.jpg"]
    assert all(line["milliseconds"] > 0 and line["error"] is None for line in done)


def test_outputs_beside_their_sources_are_left_out_and_counted(
    command: Command, tmp_path: Path
) -> None:
    for number in range(2):
        photograph(tmp_path / f"{number}.png", number)
    own = photograph(tmp_path / "mine.filled.png", 2)
    assert "2 filled" in command("inpaint", tmp_path / "0.png", tmp_path / "1.png", *BOX).err
    ended = command("inpaint", tmp_path / "*.png", *BOX, "--overwrite")
    assert (ended.code, len(ended.out.split())) == (0, 3)
    assert "3 filled, 2 earlier outputs left out" in ended.err
    assert own.with_name("mine.filled.filled.png").exists()
    ended = command("inpaint", tmp_path, *BOX, "-o", tmp_path / "out")
    assert "3 filled, 3 earlier outputs left out" in ended.err


def test_the_same_command_goes_on(command: Command, photos: Path) -> None:
    first = command("inpaint", photos, *BOX, "--preview", 2)
    assert first.code == 0
    out = photos.with_name("photos.filled")
    assert sorted(contents(out)) == ["0.png", "1.png", "inpaint.preview.png"]
    assert command("inpaint", photos, *BOX, "--preview", 2).code == 0  # a sheet of its own
    old = (out / "0.png").stat().st_mtime_ns
    again = command("inpaint", photos, *BOX)
    assert again.code == 0
    assert "2 filled, 2 done before" in again.err
    assert (out / "0.png").stat().st_mtime_ns == old
    assert len(again.out.split()) == 4
    other = command("inpaint", photos, *BOX, "--dilate", 1)
    assert other.code == 3
    assert other.err.count("exists already; --overwrite replaces it") == 4
    assert command("inpaint", photos, *BOX, "--dilate", 1, "--overwrite").code == 0
    assert (out / "0.png").stat().st_mtime_ns != old


def test_several_processes_make_the_same_files(
    command: Command, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4, 10):
        photograph(photos / f"{number}.png", number)
    alone = command("inpaint", photos, *BOX, "--workers", 1, "-o", photos.with_name("one"))
    both = command("inpaint", photos, *BOX, "--workers", 2, "-o", photos.with_name("two"))
    assert (alone.code, both.code) == (0, 0)
    assert len(contents(photos.with_name("two"))) == 10
    assert contents(photos.with_name("one")) == contents(photos.with_name("two"))


def filled_then_killed(request: InpaintRequest) -> object:
    """Fill a photograph; the process that has written 2.png the first time dies at once."""
    is_first = not request.output.exists()
    result = filled(request)
    if request.output.name == "2.png" and is_first:
        os._exit(9)
    return result


def test_a_photograph_written_before_its_process_died_is_done(
    command: Command, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4, 10):
        photograph(photos / f"{number}.png", number)
    monkeypatch.setattr("pipelines.inpaint.batch.filled", filled_then_killed)
    ended = command("inpaint", photos, *BOX, "--workers", 2)
    assert ended.code == 0, ended.err
    assert len(contents(photos.with_name("photos.filled"))) == 10
    assert "10 done before" in command("inpaint", photos, *BOX, "--workers", 1).err


def test_masks_of_a_folder_and_what_is_done_to_them(command: Command, tmp_path: Path) -> None:
    photograph(tmp_path / "photos" / "a.png")
    photograph(tmp_path / "photos" / "b.png", 1)
    hole(tmp_path / "masks" / "a.png")
    inverted = 255 - np.asarray(PIL.Image.open(hole(tmp_path / "masks" / "b.png", 4, 4)))
    PIL.Image.fromarray(inverted).save(tmp_path / "masks" / "b.png")
    masks = ("--mask", tmp_path / "masks", "--model", "telea")
    ended = command("inpaint", tmp_path / "photos", *masks, "--json")
    assert ended.code == 0
    first, second = ended.document["results"]
    assert (first["filled_pixels"], first["warnings"]) == (256, [])
    assert second["filled_pixels"] == HEIGHT * WIDTH - 256
    assert "--invert-mask" in second["warnings"][0]


@pytest.mark.jpeg_blocks
def test_json_is_one_document(command: Command, photos: Path, tmp_path: Path) -> None:
    (photos / "bad.png").write_bytes(b"no picture")
    ended = command("inpaint", photos, *BOX, "--json", "--preview", 5)
    assert ended.code == 3
    *entries, sheet = ended.document["results"]
    assert [entry["status"] for entry in entries] == ["done"] * 3 + ["failed", "done"]
    assert entries[3]["error"]["type"] == "UnreadableImage"
    assert entries[0]["keeps"] == "samples"
    assert entries[4]["keeps"] == "blocks"
    assert Path(sheet["output"]).name == "inpaint.preview.png"
    assert ended.document["exit_code"] == 3
    empty = command("inpaint", photos, *BOX, "-o", photos, "--json")
    assert empty.code == 1
    assert empty.document["results"] == []


def test_a_video_is_filled_with_everything_it_carries(command: Command, tmp_path: Path) -> None:
    photograph(tmp_path / "in" / "a.png")
    clip = write_clip(tmp_path / "in" / "clip.mkv", pictures(6))
    mask = ("--mask", "box:8,8,8,8", "--model", "telea", "--lossless")
    ended = command("inpaint", clip, *mask, "--json")
    (entry,) = ended.document["results"]
    assert (entry["frames"], entry["filled_pixels"], entry["keeps_samples"]) == (6, 64, True)
    output = clip.with_name("clip.filled.mkv")
    assert entry["output"] == str(output)
    (before, times), (after, other_times) = decoded(clip), decoded(output)
    assert times == other_times
    differs = np.any(np.stack(before) != np.stack(after), axis=(0, 3))
    assert differs[8:16, 8:16].any()
    differs[8:16, 8:16] = False
    assert not differs.any()
    folder = command("inpaint", tmp_path / "in", *mask, "--preview", 5)
    assert folder.code == 0
    assert "clip.mkv: encoded once, without loss" in folder.err
    out = tmp_path / "in.filled"
    assert sorted(contents(out)) == ["a.png", "clip.mkv", "inpaint.preview.png"]
    assert "0 filled, 2 done before" in command("inpaint", tmp_path / "in", *mask).err


def test_a_video_gets_the_container_that_its_output_is_named_after(
    command: Command, tmp_path: Path
) -> None:
    clip = write_clip(tmp_path / "clip.mp4", pictures(4))
    assert command("inpaint", clip, *BOX, "-o", tmp_path / "b.mkv").code == 0
    assert (tmp_path / "b.mkv").read_bytes()[:4] == b"\x1a\x45\xdf\xa3"  # Matroska's
    ended = command("inpaint", clip, *BOX, "-o", tmp_path / "b.jpg")
    assert (ended.code, ended.out) == (2, "")
    assert "b.jpg has the suffix .jpg, expected one of .mp4 " in ended.err
    assert not (tmp_path / "b.jpg").exists()


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_name_without_a_suffix_is_a_folder_to_be(
    command: Command, tmp_path: Path, slash: str
) -> None:
    photo = photograph(tmp_path / "a.png")
    assert command("inpaint", photo, *BOX, "-o", f"{tmp_path}/new{slash}").code == 0
    assert sorted(contents(tmp_path / "new")) == ["a.png"]


def test_how_a_video_is_encoded_is_checked_first(command: Command, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", pictures(4))
    for options, message in (
        (("--codec", "nonsense"), "nonsense"),
        (("--lossless", "--crf", 20), "exclude each other"),
        (("--lossless", "--encoder-option", "qp=30"), "qp=30 exclude each other"),
        (("--encoder-option", "fast"), "expected key=value"),
    ):
        ended = command("inpaint", clip, *BOX, *options)
        assert (ended.code, ended.out) == (2, "")
        assert message in ended.err


def test_a_dry_run_writes_nothing(command: Command, photos: Path) -> None:
    ended = command("inpaint", photos, *BOX, "--dry-run")
    assert ended.code == 0
    assert len(ended.out.split()) == 4
    assert not photos.with_name("photos.filled").exists()


def test_a_dry_run_knows_what_was_done(command: Command, photos: Path) -> None:
    assert command("inpaint", photos, *BOX, "--preview", 2).code == 0
    out = photos.with_name("photos.filled")
    manifest = out / "inpaint.jsonl"
    with manifest.open("a") as file:  # killed between an output and its line
        file.write(json.dumps({"output": "2.png", "status": "begun"}))
    photograph(out / "2.png", 5)
    before = manifest.read_bytes()
    ended = command("inpaint", photos, *BOX, "--dry-run", "--json")
    assert (ended.code, ended.err) == (0, "")
    entries = json.loads(ended.out)["results"]
    assert [entry["status"] for entry in entries] == ["done", "done", "planned", "planned"]
    assert [entry.get("was_done_before") for entry in entries] == [True, True, None, None]
    assert manifest.read_bytes() == before
    (out / "day").mkdir()
    photograph(out / "day" / "3.jpg")  # somebody else's
    ended = command("inpaint", photos, *BOX, "--dry-run")
    assert ended.code == 3
    assert ended.err.count("exists already") == 1


def test_the_preview_shows_the_hole_before_and_after(command: Command, tmp_path: Path) -> None:
    source = photograph(tmp_path / "a.png")
    ended = command("inpaint", source, *BOX, "--preview", 1)
    _, sheet = map(Path, ended.out.split())
    assert sheet == tmp_path / "a.filled.preview.png"
    pixels = pixels_of(sheet)
    before, after = np.array_split(pixels, 2, axis=1)
    is_magenta = [(part == (255, 0, 255)).all(axis=2).mean() for part in (before, after)]
    assert is_magenta[0] > 0.05  # the close one is a quarter hole
    assert is_magenta[1] == 0


def test_a_preview_of_videos_says_that_it_has_no_sheet(command: Command, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mkv", pictures(4))
    ended = command("inpaint", clip, *BOX, "--preview", 1)
    assert (ended.code, len(ended.out.split())) == (0, 1)
    assert f"{clip}: not in the sheet of --preview" in ended.err
    assert command("inpaint", clip, *BOX, "--overwrite").err.count("--preview") == 0


def test_options_of_photographs_are_said_to_change_no_video(
    command: Command, tmp_path: Path
) -> None:
    clip = write_clip(tmp_path / "clip.mkv", pictures(4))
    ended = command("inpaint", clip, *BOX, "--quality", 50, "--format", "png")
    assert (ended.code, Path(ended.out.strip()).name) == (0, "clip.filled.mkv")
    assert "--quality is of photographs: that of videos is --crf" in ended.err
    assert "--format is of photographs: the container of a video is that of its -o" in ended.err


def test_a_quality_that_changes_nothing_is_said_once(command: Command, photos: Path) -> None:
    (photos / "day" / "3.jpg").rename(photos / "3.jpg")
    ended = command("inpaint", photos, *BOX, "--quality", 50)
    assert ended.code == 0
    assert f"{photos / '0.png'}: --quality changes nothing of files" in ended.err
    assert ended.err.count("changes nothing") == 1
    for source, options in (("3.jpg", ()), ("1.png", ("--format", "webp")), ("2.png", ())):
        quality = ("--quality", 50) if source != "2.png" else ()
        ended = command("inpaint", photos / source, *BOX, *quality, *options)
        assert (ended.code, ended.err.count("changes nothing")) == (0, 0)


def test_a_preview_replaces_no_other_file(command: Command, tmp_path: Path) -> None:
    source, sheet = photograph(tmp_path / "a.png"), tmp_path / "a.filled.preview.png"
    sheet.write_bytes(b"mine")
    ended = command("inpaint", source, *BOX, "--preview", 1)
    assert (ended.code, ended.err.count("a.filled.preview.png: exists already")) == (1, 1)
    assert sheet.read_bytes() == b"mine"
    assert command("inpaint", source, *BOX, "--preview", 1, "--overwrite").code == 0
    assert sheet.read_bytes() != b"mine"
    assert not list(tmp_path.glob("*.partial"))


@pytest.mark.parametrize(
    ("output", "options", "kind"),
    [("b.png", (), "PNG"), ("b.jpeg", (), "JPEG"), ("b.tif", ("--format", "tiff"), "TIFF")],
)
def test_the_one_output_is_what_its_name_says(
    command: Command, tmp_path: Path, output: str, options: tuple[str, ...], kind: str
) -> None:
    source = photograph(tmp_path / "a.jpg")
    ended = command("inpaint", source, *BOX, "-o", tmp_path / output, *options)
    assert ended.code == 0
    assert format_of(tmp_path / output) == kind


def test_another_format_for_a_folder(command: Command, photos: Path) -> None:
    assert command("inpaint", photos, *BOX, "--format", "webp").code == 0
    out = photos.with_name("photos.filled")
    assert sorted(contents(out)) == ["0.webp", "1.webp", "2.webp", "day/3.webp"]
    assert {format_of(path) for path in out.rglob("*.webp")} == {"WEBP"}


@pytest.mark.jpeg_blocks
def test_time_and_verification(command: Command, tmp_path: Path) -> None:
    source = photograph(tmp_path / "a.jpg")
    os.utime(source, ns=(10**18, 10**18))
    ended = command("inpaint", source, *BOX, "--keep-time", "--verify", "--json")
    (entry,) = ended.document["results"]
    assert Path(entry["output"]).stat().st_mtime_ns == 10**18
    assert entry["verification"]["changed_blocks"] == 0
    assert entry["verification"]["kept_blocks"] > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--mask", "centre:0.5"), "--mask centre:0.5: no such file or folder"),
        (("--mask", "color:red"), "expected a file, a folder, alpha"),
        ((*BOX, "--format", "gif"), "--format is 'gif', expected keep, png"),
        ((*BOX, "--quality", "150"), "--quality is '150', expected keep or 1 to 100"),
        ((*BOX, "-o", "b.xyz"), "expected the input's .png, or one of .png"),
        ((*BOX, "-o", "b.jpg", "--format", "png"), "is not named like --format png"),
        ((*BOX, "--dilate", "9" * 30), "'--dilate': Input should be less than or equal to"),
    ],
)
def test_what_cannot_work_is_usage(
    command: Command, tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    source = photograph(tmp_path / "a.png")
    ended = command("inpaint", source, *options)
    assert ended.code == 2
    assert message in ended.err
    assert len(ended.err.splitlines()) == 1


def test_the_limit_of_pixels_can_be_lifted(command: Command, tmp_path: Path) -> None:
    source = photograph(tmp_path / "a.png")
    assert command("inpaint", source, *BOX, "--max-megapixels", "inf").code == 0


@pytest.mark.parametrize("is_folder", [False, True])
def test_the_limit_of_pixels_is_that_of_masks_too(
    command: Command, tmp_path: Path, is_folder: bool
) -> None:
    source = photograph(tmp_path / "a.png")
    pixels = np.zeros((100, 200), np.uint8)
    pixels[20:30, 50:60] = 255
    mask = tmp_path / "masks" / "a.png"
    mask.parent.mkdir()
    PIL.Image.fromarray(pixels).save(mask)
    how = (source, "--mask", mask.parent if is_folder else mask, "--resize-mask")
    ended = command("inpaint", *how, "--model", "telea", "--max-megapixels", 0.019)
    assert ended.code == 1
    assert "a.png has 200x100" in ended.err
    assert "--max-megapixels raises the limit" in ended.err
    assert command("inpaint", *how, "--model", "telea", "--max-megapixels", 0.021).code == 0


def test_the_bundled_network_is_the_default(command: Command, tmp_path: Path) -> None:
    source = photograph(tmp_path / "a.png")
    ended = command("inpaint", source, "--mask", "box:20,10,16,16", "--verify")
    assert ended.code == 0
    filled = pixels_of(tmp_path / "a.filled.png")[10:26, 20:36].astype(float)
    assert np.abs(filled - scene()[10:26, 20:36]).mean() < 15  # a smooth scene goes on smoothly


def test_no_model_of_that_name(command: Command, tmp_path: Path) -> None:
    source = photograph(tmp_path / "a.png")
    ended = command("inpaint", source, "--mask", "center:0.3", "--model", "nonsense")
    assert ended.code == 1
    assert "no model 'nonsense'" in ended.err


def test_pictures_of_any_size_leave_their_memory_to_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(
        "pipelines.inpaint.request.keep_freed_memory", lambda **options: asked.append(options)
    )
    source = photograph(tmp_path / "a.png")
    settings = InpaintSettings("center:0.5", "telea")
    filled(InpaintRequest(source, Path("a.png"), tmp_path / "b.png", settings))
    assert asked == [{"of_any_size": True}]
