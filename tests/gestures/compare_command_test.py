"""A study on the command line: the table, a spreadsheet, a page; killed and gone on with."""

from __future__ import annotations

import csv
import io
import re
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import torch

from app.cli import main
from engine.training.study.strategies import Here, strategies
from tests.helpers import image_files, projects
from tests.helpers.commands import answered, espalier, refused

ASKED = ("--strategies", "ncm,slda,last_2", "--epochs", 1, "--shares", "50,100")


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "engine.system.device.set_threads", lambda window_open: torch.set_num_threads(1)
    )
    # How fast a model is, is nothing that these tests look at.
    monkeypatch.setattr("engine.training.study.in_use.SECONDS", 0.01)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shutil.copytree(projects.learnt(), tmp_path_factory.mktemp("study") / "p.espalier")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


def test_a_study_as_json_table_and_page(home: Path, project: Path, tmp_path: Path) -> None:
    sheet, web = tmp_path / "study.csv", tmp_path / "study.html"
    found = answered(home, "compare", project, *ASKED, "--csv", sheet, "--html", web)
    assert [row["name"] for row in found["rows"]] == ["ncm", "slda", "last_2"]
    assert [curve["name"] for curve in found["curves"]] == ["ncm", "slda"]
    assert [point["images"] for point in found["curves"][0]["points"]] == [18, 36]

    lines = list(csv.DictReader(io.StringIO(sheet.read_text())))
    assert [(line["strategy"], line["share"], line["images"]) for line in lines] == [
        ("ncm", "100", "36"),
        ("slda", "100", "36"),
        ("last_2", "100", "36"),
        ("ncm", "50", "18"),
        ("slda", "50", "18"),
    ]
    for line, row in zip(lines, found["rows"], strict=False):
        assert float(line["accuracy"]) == row["accuracy"]
        assert int(line["weights trained"]) == row["trained"]
        assert (line["reading"] == "best") == row["best"]
        for name, share in row["per_class"].items():
            assert float(line[f"accuracy of {name}"]) == share
    assert lines[-1]["accuracy of red"] == "", "a curve has no classes"

    shows_all(web.read_text(), found)


def shows_all(shown: str, found: dict[str, Any]) -> None:
    """The page: both tables, the reading, and the curves."""
    page = ElementTree.fromstring(
        shown.replace("<!doctype html>\n", "")
        .replace('<meta charset="utf-8">', "")
        .replace('<meta name="viewport" content="width=device-width">', "")
    )
    tables = [
        [[str(cell.text) for cell in row] for row in t.iter("tr")] for t in page.iter("table")
    ]
    for _, *cells in tables:
        assert sorted(row[0] for row in cells) == sorted(row["title"] for row in found["rows"])
    (of, *names), *classes = tables[1]
    assert (of, names) == ("accuracy of", list(found["rows"][0]["per_class"]))
    ranked = {row["title"]: row["per_class"] for row in found["rows"]}
    assert all(
        f"{100 * ranked[t][n]:.1f} %" == c
        for t, *cs in classes
        for n, c in zip(names, cs, strict=True)
    )
    assert found["said"] in [p.text for p in page.iter("p")]
    assert len(list(page.iter("polyline"))) == 2


def test_the_help_names_each_strategy_that_can_be_asked_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        main(["compare", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    names = re.findall(r"[\w@]+", said.partition("with commas:")[2].partition("--epochs")[0])
    inside = Here(supernet="none", can_be_narrowed=True).others
    every = {row.name for row in (*strategies(), *inside) if not row.network}
    assert every - {"last_1", "last_3"} <= {*names}
    assert {"last_N", "last_1", "network_NAME", "subnet_smallest@embedded", "networks"} <= {*names}
    of_all = re.findall(r"\w+", said.partition("with commas:")[2].partition("; NAME@")[0])
    assert {row.name for row in strategies(["all"])} - {"last_1", "last_3"} <= {*of_all}


def test_what_was_measured_is_not_measured_again(home: Path, project: Path) -> None:
    answered(home, "compare", project, *ASKED)
    said = espalier(home, "compare", project, *ASKED)
    assert said.returncode == 0
    assert "To be measured" not in said.stderr
    lines = said.stdout.splitlines()
    assert lines[0].split()[:2] == ["strategy", "accuracy"]
    assert "best" in lines[1]
    assert any(line.startswith("of the images") and "50 % (18)" in line for line in lines)
    assert said.stdout.count("More images: that takes three shares") == 1
    assert any(line.split() == ["accuracy", "of", "red", "teal", "blue"] for line in lines)
    more = espalier(home, "compare", project, "--strategies", "ncm,head", "--epochs", 1)
    assert "To be measured: 1 row, which takes about" in more.stderr


def test_its_time_is_told_before_it_begins(home: Path, project: Path, tmp_path: Path) -> None:
    mine = shutil.copytree(project, tmp_path / "mine.espalier")
    asked = ("--strategies", "tilda,ridge,last_99", "--epochs", 1, "--shares", 100, "--estimate")
    found = answered(home, "compare", mine, *asked)
    assert (found["rows"], found["missing"]) == (3, 2)
    assert found["seconds"] > 2 * 0.3, "each model is written and timed"
    assert [out["title"] for out in found["left_out"]] == ["Fine-tuning the last 99 stages"]
    said = espalier(home, "compare", mine, *asked)
    assert said.returncode == 0
    told, gone = said.stdout.splitlines()
    assert told.startswith("2 rows to measure: about")
    assert gone.startswith("Left out: Fine-tuning the last 99 stages. This network has")
    answered(home, "compare", mine, *asked[:-1])
    assert espalier(home, "compare", mine, *asked).stdout.splitlines()[0] == (
        "All of it is measured already: it is shown at once."
    )


def test_a_study_changes_nothing_of_the_project(home: Path, project: Path) -> None:
    before = [answered(home, name, project) for name in ("classes", "steps", "runs", "score")]
    answered(home, "compare", project, *ASKED)
    after = [answered(home, name, project) for name in ("classes", "steps", "runs", "score")]
    assert after == before


def test_what_cannot_be_done_is_refused_before_it_begins(
    home: Path, project: Path, tmp_path: Path
) -> None:
    there = tmp_path / "there.csv"
    there.write_text("mine")
    assert "--overwrite" in refused(home, "compare", project, *ASKED, "--csv", there)
    assert there.read_text() == "mine"
    gone = tmp_path / "gone" / "study.html"
    assert "no such folder" in refused(home, "compare", project, *ASKED, "--html", gone)
    assert "10,25,50,100" in refused(home, "compare", project, "--shares", "half")
    assert "not both" in refused(home, "compare", project, *ASKED, "--seconds", 5)
    assert "nonsense" in refused(home, "compare", project, "--strategies", "nonsense")
    answered(home, "compare", project, *ASKED, "--csv", there, "--overwrite")
    assert there.read_text().startswith("strategy,title,")


def test_two_rows_beside_each_other_one_class_and_a_row_that_is_used(
    home: Path, project: Path, tmp_path: Path
) -> None:
    mine = shutil.copytree(project, tmp_path / "mine.espalier")
    study = answered(home, "compare", mine, *ASKED)
    assert all(row["p50"] > 0 and row["export"] > row["bytes"] for row in study["rows"])
    found = answered(home, "compare", mine, "--beside", "slda,ncm")
    parts = [found[part] for part in ("both", "first", "second", "neither")]
    assert sum(parts) == found["images"] == study["images"]
    said = espalier(home, "compare", mine, "--beside", "slda,ncm").stdout
    assert f"answered alike                                          {found['alike']}" in said
    assert "two names" in refused(home, "compare", mine, "--beside", "slda")
    more = ("compare", mine, "--more", "red")
    assert "100 more images of “red” can't" in espalier(home, *more, "--images", 100).stdout
    usual = answered(home, *more)
    assert usual["images"] == 24, "as many as the curve reaches"
    assert usual["more"] or "right already" in usual["said"]
    used = answered(home, "compare", mine, *ASKED, "--use", "last_2")
    row = next(row for row in study["rows"] if row["name"] == "last_2")
    assert used["accuracy"] == pytest.approx(row["accuracy"])
    steps = answered(home, "steps", mine)["steps"]
    assert steps[-1]["title"] == "Use Fine-tuning the last 2 stages"
    # The network is another one by now: what a study says is about that.
    again = answered(home, "compare", mine, "--strategies", "ncm", "--shares", "100")
    assert not again["rows"][0]["kept"]


def test_a_file_that_cannot_be_written_is_said(
    home: Path, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("app.cli.compare.replace_file", full)
    said = refused(home, "compare", project, *ASKED, "--csv", tmp_path / "study.csv")
    assert "no space left" in said
    assert said.endswith("What was measured is kept.")


def test_of_many_classes_the_worst_are_shown_and_the_spreadsheet_has_all(
    home: Path, tmp_path: Path
) -> None:
    names = [f"class {n:02d}" for n in range(12)]
    folder, mine = tmp_path / "many", tmp_path / "many.espalier"
    image_files.class_folders(folder / "train", dict.fromkeys(names, 2), 0)
    image_files.class_folders(folder / "validation", dict.fromkeys(names, 1), 1)
    weights = projects.weights(projects.QUICK)
    answered(home, "new", mine, "--weights", weights, "--size", projects.SIZE)
    answered(home, "learn", mine, folder)
    sheet = tmp_path / "many.csv"
    said = espalier(home, "compare", mine, "--strategies", "ncm,slda", "--csv", sheet).stdout
    (head,) = [line for line in said.splitlines() if line.startswith("accuracy of")]
    assert sum(name in head for name in names) == 10
    assert "Of 12 classes these 10 are right least" in said
    assert sum(f"accuracy of {name}" in sheet.read_text() for name in names) == 12


def test_rows_of_the_study_before_stay_where_nothing_changed_that_counts(
    home: Path, tmp_path: Path
) -> None:
    mine = shutil.copytree(projects.learnt(), tmp_path / "mine.espalier")

    def rows(*words: object) -> list[str]:
        found = answered(home, "compare", mine, "--shares", 100, "--strategies", *words)
        assert found["wanted"] == len(found["rows"])
        return [row["name"] for row in found["rows"]]

    assert rows("ncm,ridge") == ["ncm", "ridge"]
    said = espalier(home, "compare", mine, "--strategies", "slda", "--shares", 100).stdout
    assert "2 rows of the study before stand in the table too" in said
    assert "--anew leaves them out" in said
    assert "corrected for 2 comparisons with the best" in said, "all rows shown are read together"
    assert rows("slda", "--anew") == ["slda"]
    assert rows("last_2", "--epochs", 1) == ["last_2", "slda"]
    assert rows("ncm") == ["ncm", "last_2", "slda"], "a closed form has no budget"
    assert rows("head", "--epochs", 1) == ["head", "ncm", "last_2", "slda"]
    # What comes of them goes on as with any row.
    beside = answered(home, "compare", mine, "--beside", "slda,last_2")
    assert beside["images"] == 18
    assert rows("last_2", "--epochs", 0.5) == ["last_2"], "another budget"
    assert rows("ncm", "--seed", 1) == ["ncm"]
    assert rows("ncm,last_2", "--epochs", 1) == ["ncm", "last_2"]
    used = answered(home, "compare", mine, "--strategies", "slda", "--use", "last_2")
    assert used["title"] == "Fine-tuning the last 2 stages"
    assert rows("slda") == ["slda"], "the network is another one"


def test_the_best_of_one_is_none_and_what_is_in_use_stays_as_it_is(
    home: Path, tmp_path: Path
) -> None:
    mine = shutil.copytree(projects.learnt(), tmp_path / "mine.espalier")
    before = answered(home, "steps", mine)
    alone = ("compare", mine, "--strategies", "ncm", "--shares", 100, "--anew")
    assert refused(home, *alone, "--use", "best").endswith(
        "Frozen features · Nearest class mean is the only row, so none is the best. Name more "
        "strategies, or use it: --use ncm."
    )
    said = espalier(home, *alone, "--use", "ncm").stdout
    assert "is in use already, and nothing changed" in said
    assert answered(home, "steps", mine) == before
    head = ("compare", mine, "--strategies", "head", "--epochs", 1, "--shares", 100, "--anew")
    assert "closed form" in refused(home, *head, "--use", "best")
    answered(home, *alone, "--strategies", "ncm,slda", "--use", "best")


def test_a_network_inside_the_one_that_comes_along_is_compared_and_used(
    home: Path, tmp_path: Path
) -> None:
    mine = shutil.copytree(projects.learnt(), tmp_path / "mine.espalier")
    name = "subnet_smallest@embedded"
    asked = ("compare", mine, "--strategies", f"ncm,{name}", "--shares", 100)
    found = answered(home, *asked, "--use", name)
    assert found["title"] == "Embedded (small) · The smallest network inside"
    assert answered(home, "steps", mine)["steps"][-1]["title"] == f"Use {found['title']}"
