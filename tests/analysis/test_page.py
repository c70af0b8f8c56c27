"""Pages as files."""

from pathlib import Path

from predictor.analysis.page import page, write_page


def test_a_name_that_is_no_text_does_not_keep_a_page_from_being_written(tmp_path: Path) -> None:
    write_page(tmp_path / "page.html", page("été \udcff.mp4", ["<p>…</p>"]))
    written = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<title>été ?.mp4</title>" in written
    assert "<p>…</p>" in written
