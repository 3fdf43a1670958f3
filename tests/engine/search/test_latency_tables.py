"""Latency tables in files: kept and found again, exchanged with the original project, refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.errors import Refused
from engine.models import timing
from engine.models.supernet.architecture import uniform
from engine.models.supernet.parts import fixed_parts
from engine.models.timing import Setting
from engine.search.latency import files, ofa_tables
from engine.search.latency.measuring import samples
from engine.search.latency.table import LatencyTable, all_parts
from tests.helpers.tables import invented


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ESPALIER_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_a_table_written_and_read_is_the_same(tmp_path: Path):
    table = invented(ratio=1.07)
    files.save_table(table, tmp_path / "t.json")
    assert files.load_table(tmp_path / "t.json") == table


def test_tables_are_kept_and_found_by_device_setting_and_width(home: Path):
    own = invented(device=timing.device_facts())
    files.store(own)
    files.store(invented())
    assert files.find_table(0.25, [48, 64]) == own
    assert files.find_table(0.25, [48, 96]) is None
    assert files.find_table(0.5, [48]) is None
    assert files.find_table(0.25, [48], Setting(threads=2)) is None
    assert files.find_table(0.25, [64], name="abacus") == invented()
    with pytest.raises(Refused, match=r"not of 0\.5"):
        files.find_table(0.5, [48], name="abacus")
    with pytest.raises(Refused, match="No single latency table is called “b1”"):
        files.find_table(0.25, [48], name="b1")
    assert [files.is_own(t) for t in files.all_tables().values()].count(True) == 1


def test_another_resolution_joins_and_a_table_that_is_off_gives_way(home: Path):
    files.store(invented((48,)))
    joined, _ = files.store(invented((64,)))
    assert joined.resolutions == (48, 64)
    files.store(replace(joined, ratio=2.0))
    assert files.store(invented((64,)))[0].resolutions == (64,)


def test_a_damaged_table_is_listed_and_measured_again(home: Path):
    _, path = files.store(invented(device=timing.device_facts()))
    path.write_text(path.read_text()[:500])
    assert files.find_table(0.25, [48]) is None
    (problem,) = files.all_tables().values()
    assert "damaged" in problem
    files.store(invented(device=timing.device_facts()))
    assert files.find_table(0.25, [48]) is not None


# A few lines of the original project's own table of a phone (note10, 160 pixels, width 1.2).
ORIGINAL = """\
AvgPool2D-input:5x5x1152-output:1x1x1152:
  count: 491
  mean: 0.008482688391038698
  std: 0.0006733248071883371
Conv-input:160x160x3-output:80x80x24:
  count: 498
  mean: 0.495562248995984
  std: 0.010239557348882489
Conv_1-input:5x5x192-output:5x5x1152:
  count: 498
  mean: 0.4456807228915663
  std: 0.021099412568183217
Conv_2-input:1x1x1152-output:1x1x1536:
  count: 498
  mean: 0.7474116465863454
  std: 0.09968561638146704
Logits-input:1x1x1536-output:1000:
  count: 499
  mean: 0.656440881763527
  std: 0.07729654276272765
expanded_conv-input:10x10x136-output:5x5x192-expand:816-kernel:7-stride:2-idskip:0-se:1-hs:1:
  count: 64
  mean: 1.43675
  std: 0.03638981657002408
expanded_conv-input:40x40x32-output:20x20x48-expand:192-kernel:5-stride:2-idskip:0-se:1-hs:0:
  count: 57
  mean: 1.326263157894737
  std: 0.032272157526747565
expanded_conv-input:80x80x24-output:80x80x24-expand:24-kernel:3-stride:1-idskip:1-se:0-hs:0:
  count: 499
  mean: 0.8487194388777555
  std: 0.021209080439092955
"""


def whole_original() -> str:
    """Those lines, and 0.5 ms for each block that they leave out, in the other style of YAML."""
    keys = [str(part) for part in all_parts(1.2, 160)]
    left_out = [key for key in keys if f"{key}:\n" not in ORIGINAL]
    assert len(left_out) == 96 - 8
    return ORIGINAL + "".join(f"'{key}': {{mean: 0.5, count: 7}}\n" for key in left_out)


def test_a_table_of_the_original_project_is_read(tmp_path: Path):
    path = tmp_path / "160_lookup_table.yaml"
    path.write_text(whole_original())
    table = ofa_tables.read_original(path, "note10")
    assert (table.multiplier, table.resolutions) == (1.2, (160,))
    assert table.device == {"processor": "note10"}
    shallow = uniform(160, 5, 6, 2)  # ten blocks, of which the table's own lines hold one
    ends = 0.008482688391038698 + 0.495562248995984 + 0.4456807228915663 + 0.7474116465863454
    expected = ends + 0.8487194388777555 + 1.326263157894737 + 9 * 0.5
    assert table.predict([shallow]) == pytest.approx([expected])
    assert table.error_ms == 0  # nothing is known of it


def test_what_is_written_for_the_original_project_sums_up_to_our_predictions(tmp_path: Path):
    table, path = invented(), tmp_path / "48.yaml"
    ofa_tables.write_original(table, 48, path)
    again = ofa_tables.read_original(path)
    networks = samples(48, 20, seed=0)
    assert again.multiplier == 0.25
    assert np.allclose(again.predict(networks), table.predict(networks))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda text: "", "holds no latencies"),
        (lambda text: text.replace("mean: 1.43675", "mean: .nan"), "Line 23 .*holds no latency"),
        (lambda text: text.replace("mean: 1.43675", "mean: nan"), "Line 23 .*holds no latency"),
        (lambda text: text.replace("mean: 1.43675", "mean: -1"), "holds no latency: “-1”"),
        (lambda text: text.replace("mean: 1.43675", "mean: fast"), "holds no latency: “fast”"),
        (lambda text: ORIGINAL, "lacks 88 of the blocks at 160 pixels, such as expanded_conv"),
        (lambda text: text.replace("-se:1-hs:1", ""), "another kind of network"),
        (
            lambda text: text + "!!python/object/apply:os.system [ls]\n",
            "does not belong to a latency table",
        ),
        (
            lambda text: "a: &a [x]\nb: [*a, *a]\n",
            "Line 1 of .* does not belong to a latency table",
        ),
        (lambda text: text + text.replace("160x160x3", "200x200x3"), "blocks of one resolution"),
        (lambda text: text.replace("80x80x24", "80x80x23"), "no width between"),
        (lambda text: "x" * (16 * 2**20 + 1), "too large"),
        (lambda text: "\udcff", "no text"),
    ],
)
def test_bad_yaml_is_refused_with_one_sentence(tmp_path: Path, change, sentence):
    path = tmp_path / "t.yaml"
    path.write_text(change(whole_original()), encoding="utf-8", errors="surrogateescape")
    with pytest.raises(Refused, match=sentence) as refusal:
        ofa_tables.read_original(path)
    assert str(refusal.value).endswith(".")


def broken(table: LatencyTable, folder: Path, change) -> Path:
    """The table's file with its content changed by hand."""
    path = folder / "t.json"
    files.save_table(table, path)
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda c: c.update(format="other"), "no latency table of Espalier"),
        (lambda c: c.update(version=9), "another version"),
        (lambda c: c.update(width=7), "damaged .width is 7"),
        (lambda c: c["milliseconds"].update({first(c): float("nan")}), "is nan"),
        (lambda c: c["milliseconds"].update({first(c): -0.1}), "is -0.1"),
        (lambda c: c["milliseconds"].update({first(c): True}), "is True"),
        (lambda c: c["milliseconds"].update({first(c): "1"}), "damaged"),
        (lambda c: c["milliseconds"].update({"Conv-input:x": 1}), "another network"),
        (lambda c: c["milliseconds"].pop(first(c)), "lacks 1 of the blocks"),
        (lambda c: c.update(width=0.5), "lacks"),
        (lambda c: c["fits"].update({"50": c["fits"]["48"]}), "50 is no resolution"),
        (lambda c: c["fits"].update({"96": c["fits"]["48"]}), "lacks 9. of the blocks at 96"),
        (lambda c: c["fits"]["48"].update(scale=-1), "scale is -1"),
        (lambda c: c["fits"]["48"].pop("offset"), "damaged"),
        (lambda c: c["fits"].clear(), "holds no resolution"),
        (lambda c: c["setting"].update(threads="many"), "threads"),
        (lambda c: c.update(device={}), "which device"),
        (lambda c: c.update(device=[1]), "damaged"),
        (lambda c: c.update(milliseconds=3), "damaged"),
    ],
)
def test_a_bad_table_is_refused_with_one_sentence(tmp_path: Path, change, sentence):
    path = broken(invented(), tmp_path, change)
    with pytest.raises(Refused, match=sentence) as refusal:
        files.load_table(path)
    assert str(refusal.value).endswith(".")


def first(content: dict) -> str:
    """A block that both resolutions of the table need, or one of them."""
    return str(fixed_parts(0.25, 48)[1])


@pytest.mark.parametrize("content", ["", "{", "[" * 100_000, "3", "<html>", '{"a": 1}'])
def test_a_file_of_something_else_is_refused(tmp_path: Path, content: str):
    path = tmp_path / "t.json"
    path.write_text(content)
    with pytest.raises(Refused, match=r"no latency table"):
        files.load_table(path)
    with pytest.raises(Refused, match=r"can't be read"):
        files.load_table(tmp_path / "missing.json")


def test_where_writing_is_not_allowed_it_is_said(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Refused, match=r"can't be written to .*\(Not a directory|File exists"):
        files.save_table(invented(), tmp_path / "file" / "t.json")
