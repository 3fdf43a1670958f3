"""A person watches a folder on the Live page, and says what becomes of its files."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.app.test_accessible import complaints
from tests.gestures.live_page_test import watches
from tests.helpers.image_files import class_folder


def test_a_folder_is_waited_for(learnt, tmp_path) -> None:
    page = watches(learnt, str(tmp_path))
    assert page.reason.text() == "It waits for images that are added to this folder."
    learnt.presses("Ctrl+Return")
    learnt.sees(lambda: not page.watching.running)


def test_a_watched_folder_is_sorted_and_what_is_unsure_waits(learnt, images, tmp_path) -> None:
    folder, to = tmp_path / "incoming", tmp_path / "sorted"
    to.mkdir()
    folder.mkdir()
    page = learnt.page("Live")
    page.field.setText("rtsp://somewhere")
    assert not page.files.isVisible()
    page.field.setText(str(folder))
    assert page.files.isVisible()
    assert complaints(page) == []
    assert not page.files.sort.isChecked(), "only if it is asked for"
    assert not page.files.unsure.isChecked(), "only if it is asked for"
    learnt.will_choose_file(to)
    learnt.presses("Alt+I")
    learnt.sees(lambda: "sorted" in page.files.sort.text())
    learnt.presses("Alt+U")
    heard: dict[str, str] = {}
    learnt.window.bridge.watched.connect(lambda _, e: heard.update({e.path: e.verdict}))
    watches(learnt, str(folder))
    learnt.sees(lambda: learnt.window.job_bar.doing.full.startswith("Watching"))
    for number, path in enumerate(sorted((images / "apple").glob("*.jpg"))[:3]):
        shutil.copy(path, folder / f"apple {number}.jpg")
    strange = [class_folder(tmp_path, f"strange {hue}", 8, hue) for hue in (0.16, 0.5, 0.83)]
    for path in (p for s in strange for p in s.iterdir()):
        shutil.copy(path, folder / f"{path.parent.name} {path.name}")

    learnt.sees(lambda: len(heard) == 27)

    unsure = [path for path, verdict in heard.items() if verdict != "known"]
    assert 0 < len(unsure) < 27
    learnt.sees(lambda: learnt.project.unsorted == len(unsure))
    learnt.presses("Ctrl+Return")
    learnt.sees(lambda: not learnt.window.bridge.asked)
    names = {Path(path).name for path in heard} - {Path(path).name for path in unsure}
    assert {path.name for path in to.rglob("*.*g")} == names
    learnt.presses("Alt+I")
    learnt.sees(lambda: not page.files.target)
