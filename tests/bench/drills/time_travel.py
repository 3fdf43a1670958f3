"""Makes the projects of before that tests/engine/storage/test_versions.py opens.

    python -m tests.bench.drills.time_travel TO.tar.xz

For each version of the tables the last commit that had it is taken out of git's history (so this
wants a clone with all of it), and its program makes a small project of the same drawn images:
classes are learnt in two steps, the images copied in, one is renamed, one taken out and put back.
What it answers lies beside, as answers.json.
"""

from __future__ import annotations

import io
import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
from contextlib import closing
from pathlib import Path

COMMITS = {
    1: "18e8614",
    2: "2d43d5a",
    3: "a0b22dc",
    4: "f2b4752",
    5: "98d6595",
    6: "caaaa2f",
    8: "28aa9bc",
    9: "4d0b8d2",
    10: "3b70445",
    12: "78fd54c",
    13: "e17b8a5",
    14: "34691d6",
    15: "966c2a9",
}
"""The last commit with each version; 7 and 11 came together with the version that follows."""

MAKE = """
import json, sys
from pathlib import Path
from engine.jobs import run
from engine.session import Session
import engine
assert Path(engine.__file__).is_relative_to(Path.cwd()), engine.__file__
images, place = Path(sys.argv[1]), Path(sys.argv[2])
session = Session()
def done(job, /, **settings):
    *_, ended = run(session, job, settings)
    assert ended.how == "done", ended.text
    return ended.result
done("new_project", path=str(place / "p.espalier"), backbone="embedded", size=32)
done("learn_folder", paths=[str(images / "bark"), str(images / "leaf")], copy=True, learner="ncm")
done("learn_folder", paths=[str(images / "petal")], copy=True, learner="ncm")
done("rename_class", name="petal", to="flower")
done("remove_class", name="leaf")
done("undo")
found = done("score", predictions=True)
told = {
    "classes": sorted(view.name for view in session.view().classes),
    "undo": list(session.view().undo), "redo": list(session.view().redo),
    "per_class": found["per_class"],
    "predictions": {Path(key).name: name for key, name in found["predictions"].items()},
}
session.close()
(place / "answers.json").write_text(json.dumps(told, indent=1, sort_keys=True))
"""
"""What the program of then does; the names of its jobs have not changed since."""
LEFT = (".lock", "-wal", "-shm")


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    from tests.helpers import image_files

    with tempfile.TemporaryDirectory(prefix="espalier-time-") as name:
        place = Path(name)
        # The same place for all, so that the paths are.
        images = image_files.class_folders(place / "images", {"bark": 5, "leaf": 5, "petal": 5})
        with tarfile.open(sys.argv[1], "w:xz", preset=9) as packed:
            for version, commit in COMMITS.items():
                made = project_of(version, commit, place, images)
                packed.add(made, str(version), filter=plain)
                print(f"{version:3} {commit} made", flush=True)


def project_of(version: int, commit: str, place: Path, images: Path) -> Path:
    """A project that the program of a commit makes, in a folder with its answers."""
    code, made = place / f"code-{version}", place / f"made-{version}"
    made.mkdir()
    archive = subprocess.run(["git", "archive", commit], check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as there:
        there.extractall(code, filter="data")
    where = {"PYTHONPATH": str(code), "ESPALIER_HOME": str(place / "home"), "HOME": str(place)}
    words = [sys.executable, "-c", MAKE, str(images), str(made)]
    subprocess.run(words, check=True, cwd=code, env={**os.environ, **where})
    shutil.rmtree(code)
    say_elsewhere(made / "p.espalier" / "project.db", str(images))
    return made


def say_elsewhere(file: Path, images: str) -> None:
    """Where the images were says nothing of whoever made this."""
    with closing(sqlite3.connect(file)) as db:
        for table, column in (("image", "path"), ("journal", "statement")):
            db.execute(f"UPDATE {table} SET {column} = replace({column}, ?, '/images')", [images])
        db.commit()
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.execute("VACUUM")


def plain(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Without what dies with a process, and whose and when it was."""
    if entry.name.endswith(LEFT):
        return None
    entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname = 0, 0, 0, "", ""
    return entry


if __name__ == "__main__":
    main()
