"""Power cuts in the middle of learning: the project opens, and doing it again ends the same."""

from __future__ import annotations

import signal
import sys

import pytest

from engine.system.crash_points import VARIABLE
from tests.helpers import image_files
from tests.helpers.commands import answered, in_a_process

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sends a POSIX signal")
POINTS = ("blob written:2", "before commit:3", "after commit:4")


def test_cut_after_cut_the_project_opens_and_ends_as_if_nothing_had_happened(home, home_weights):
    images = image_files.class_folders(home / "pictures", {"a": 60, "b": 60, "c": 60})
    calm, stormy = home / "calm.espalier", home / "stormy.espalier"
    for project in (calm, stormy):
        answered(home, "new", project, "--weights", home_weights, "--size", 32)
    answered(home, "learn", calm, images)
    for point in POINTS:
        learning = in_a_process(home, "learn", stormy, images, **{VARIABLE: point})
        said = learning.communicate()[1]
        assert learning.returncode == -signal.SIGKILL, said
        assert len(answered(home, "classes", stormy)["classes"]) <= 3
    answered(home, "learn", stormy, images)
    same = [answered(home, "score", p, "--predictions")["predictions"] for p in (calm, stormy)]
    assert same[0] == same[1]
