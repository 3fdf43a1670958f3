"""Training subnets from the project's own supernet, and what is proposed for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.events import Ended
from engine.jobs import run
from engine.models.backbone import digest_of
from engine.models.supernet.architecture import smallest
from engine.models.supernet.files import read_weights, write_weights
from engine.session import Session
from tests.helpers import image_files
from tests.helpers.supernets import supernet

pytestmark = pytest.mark.usefixtures("one_thread")
TINY = {"epochs": 1, "batch": 8, "sizes": "32", "lr": 0.02}


def ended(session: Session, name: str, **settings: Any) -> Ended:
    *_, last = run(session, name, settings)
    assert isinstance(last, Ended)
    return last


def done(session: Session, name: str, **settings: Any) -> Any:
    last = ended(session, name, **settings)
    assert last.how == "done", last.text
    return last.result


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("tuning")
    write_weights(supernet(5), place / "base.safetensors", {"use_size": 64})
    image_files.class_folders(place / "pictures", {"red": 20, "teal": 20})
    return place


@pytest.fixture
def session(place: Path, tmp_path: Path) -> Iterator[Session]:
    """A project that learnt two classes with a supernet from a person's file, at 32 pixels."""
    made = Session()
    weights = str(place / "base.safetensors")
    done(made, "new_project", path=str(tmp_path / "p.espalier"), weights=weights, size=32)
    done(made, "learn_folder", paths=[str(place / "pictures")])
    yield made
    made.close()


def written(path: Path) -> str:
    return digest_of(read_weights(path)[0].state_dict())


def test_it_begins_from_the_project_s_supernet_also_where_a_subnet_is_in_use(
    session: Session, place: Path, tmp_path: Path
) -> None:
    """All three come to the same weights as from the supernet's file."""
    base, work = str(place / "base.safetensors"), tmp_path / "work"
    named = done(session, "shrink", base=base, out=str(tmp_path / "named.safetensors"), **TINY)
    assert named["size"] == 32
    done(session, "shrink", base="project", out=str(tmp_path / "whole.safetensors"), **TINY)
    done(session, "use_subnet", architecture=str(smallest(32)))

    out = str(tmp_path / "subnet.safetensors")
    done(session, "shrink", base="project", out=out, work=str(work), **TINY)

    found = {written(tmp_path / f"{n}.safetensors") for n in ("named", "whole", "subnet")}
    assert len(found) == 1 != written(Path(base))
    assert read_weights(Path(out))[1]["use_size"] == "32"


def test_a_supernet_that_was_shrunk_before_is_known_as_such_in_a_project(
    session: Session, tmp_path: Path
) -> None:
    out = str(tmp_path / "out.safetensors")
    done(session, "shrink", base="project", out=out, **TINY)
    done(session, "use_backbone", weights=out, size=32)
    done(session, "learn")
    again = {"base": "project", "method": "progressive", "epochs": 1, "batch": 8, "sizes": "32"}
    steady = {**again, "lr": 0, "out": str(tmp_path / "again.safetensors")}

    done(session, "shrink", **steady)

    before, after = (read_weights(Path(path))[0] for path in (out, steady["out"]))
    name = "blocks.2.conv.point_linear.conv.conv.weight"
    assert torch.allclose(before.get_parameter(name), after.get_parameter(name), atol=2e-3)


def test_what_is_proposed_can_be_estimated(session: Session) -> None:
    listed = done(session, "list_tuners")
    assert [view.name for view in listed["tuners"]] == ["sandwich", "progressive"]
    proposed = listed["proposed"]
    assert proposed["sizes"] == "32"
    assert 2 <= proposed["batch"] <= listed["pictures"] / 2
    for view in listed["tuners"]:
        assert proposed.keys() <= {s.name for s in view.settings}

    found = done(session, "estimate_shrink", base="project", **proposed)

    assert found["steps"] == 10 * (listed["pictures"] // proposed["batch"])
    assert found["pictures"] == listed["pictures"]
    assert found["seconds"] > 0


def test_the_estimate_refuses_what_the_training_would_refuse(session: Session) -> None:
    last = ended(session, "estimate_shrink", base="project", sizes="32", batch=64)
    assert last.how == "refused"
    assert "fewer than one batch of 64" in last.text


def test_a_project_with_a_fixed_network_has_nothing_to_train(tmp_path: Path, place: Path) -> None:
    session = Session()
    weights = str(image_files.weights(tmp_path / "n"))
    done(session, "new_project", path=str(tmp_path / "q.espalier"), weights=weights, size=32)
    done(session, "learn_folder", paths=[str(place / "pictures")])
    for job, settings in (("list_tuners", {}), ("estimate_shrink", {"base": "project", **TINY})):
        last = ended(session, job, **settings)
        assert last.how == "refused"
        assert "comes in one size" in last.text
    session.close()
