"""A table measured on one computer is carried to another: `espalier latency`, as typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.helpers.commands import answered, espalier, refused

QUICK = ("--width", 0.25, "--resolution", 32, "--seconds", 0.2)


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of the computer that was measured."""
    home = tmp_path_factory.mktemp("board")
    found = answered(home, "latency", "measure", *QUICK)
    assert found["resolutions"] == [32]
    assert found["entries"] == 96
    assert found["own"]
    assert found["fits"]
    assert found["error_ms"] > 0
    assert Path(found["path"]).is_file()
    return home


def names(home: Path) -> list[str]:
    return [table["name"] for table in answered(home, "latency", "show")["tables"]]


def test_a_measured_table_is_shown(board: Path):
    shown = espalier(board, "latency", "show").stdout
    assert "this computer" in shown
    assert "±" in shown
    assert names(board)[0] in shown


@pytest.mark.parametrize("kind", ["json", "yaml"])
def test_a_table_goes_to_another_computer(board: Path, tmp_path: Path, kind: str):
    file, other = tmp_path / f"board.{kind}", tmp_path / "home"
    answered(board, "latency", "export", "--to", file)
    assert "already exists" in refused(board, "latency", "export", "--to", file)
    answered(board, "latency", "export", "--to", file, "--overwrite")
    assert names(other) == []
    (table,) = answered(other, "latency", "import", file, "--name", "Raspberry Pi 5")["tables"]
    assert not table["own"]
    assert table["device"].startswith("Raspberry Pi 5")
    assert table["width"] == 0.25
    assert (table["error_ms"] > 0) == (kind == "json")
    assert names(other) == [table["name"]]
    assert "another device" in espalier(other, "latency", "show").stdout
    answered(other, "latency", "export", "--table", "raspberry", "--to", tmp_path / "again.json")
    assert json.loads((tmp_path / "again.json").read_text())["width"] == 0.25


def test_measuring_another_resolution_keeps_the_first(board: Path, tmp_path: Path):
    more = answered(board, "latency", "measure", *QUICK[:2], "--resolution", 48, "--seconds", 0.2)
    assert more["resolutions"] == [32, 48]
    both = tmp_path / "both.yaml"
    assert "Choose one of: 32, 48" in refused(board, "latency", "export", "--to", both)
    one = answered(board, "latency", "export", "--to", both, "--resolution", 48)
    assert one["resolutions"] == [48]
    assert "48x48x3" in both.read_text()
    assert "32x32x3" not in both.read_text()


def test_a_check_notes_whether_the_table_fits(board: Path, tmp_path: Path):
    (path,) = (board / "latency").glob("*.json")
    content = json.loads(path.read_text())
    content["milliseconds"] = {key: 9 * ms for key, ms in content["milliseconds"].items()}
    home = tmp_path / "home"
    (home / "latency").mkdir(parents=True)
    (home / "latency" / path.name).write_text(json.dumps(content))
    done = espalier(home, "latency", "show", "--check")
    assert "runs faster than when its latency was measured" in done.stderr
    assert "off by" in done.stdout
    (table,) = answered(home, "latency", "show")["tables"]
    assert not table["fits"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("measure", "--resolution", 33), "divided by 4"),
        (("measure", "--resolution", 4000), "not 4000"),
        (("measure", "--width", 9), "Widths go from 0.1 to 2"),
        (("measure", "--width", "nan"), "Widths go from 0.1 to 2"),
        (("measure", "--threads", 0), "1 to 256 threads"),
        (("measure", "--precision", "int4"), "float32 or float16"),
        (("measure", "--provider", "TeaLeaves"), "no provider “TeaLeaves”"),
        (("show", "--check"), "not measured yet"),
        (("export", "--to", "t.json"), "not measured yet"),
        (("export", "--to", "t.json", "--table", "x"), "No single latency table"),
        (("import", "no-such-file.json"), "can't be read"),
        (("import", "no-such-file.yaml"), "can't be read"),
    ],
)
def test_what_can_not_be_done_is_refused(tmp_path: Path, words, sentence):
    assert sentence in refused(tmp_path, "latency", *words)


def test_one_bad_file_among_several_keeps_nothing(board: Path, tmp_path: Path):
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    answered(board, "latency", "export", "--to", good)
    bad.write_text(good.read_text()[:3000])
    assert "damaged" in refused(tmp_path / "home", "latency", "import", good, bad)
    assert names(tmp_path / "home") == []
    blocked = tmp_path / "blocked"
    blocked.mkdir()
    (blocked / "latency").write_text("")
    assert "can't be written" in refused(blocked, "latency", "import", good)
