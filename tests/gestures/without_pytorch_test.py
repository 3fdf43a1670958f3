"""A person asks on a computer that has no PyTorch."""

from __future__ import annotations

from tests.helpers import image_files
from tests.helpers.commands import answered, in_a_process


def test_what_needs_pytorch_says_so_where_it_is_missing(home, home_weights, tmp_path) -> None:
    project, learnt = home / "p.espalier", home / "learnt"
    answered(home, "new", project, "--weights", home_weights, "--size", 32)
    answered(home, "learn", project, image_files.class_folders(learnt, {"one": 8, "other": 8}))
    missing = tmp_path / "without" / "torch.py"
    missing.parent.mkdir()
    missing.write_text("raise ModuleNotFoundError('No module named torch', name='torch')\n")
    image = next((learnt / "one").iterdir())

    def asked(*words: object) -> tuple[int, str]:
        light = in_a_process(home, *words, PYTHONPATH=str(missing.parent))
        said = "".join(light.communicate())
        assert "Traceback" not in said
        return light.returncode, said

    formats = ("onnx", "pt2", "safetensors")
    files = [home / f"p.{kind}" for kind in formats]
    for kind, file in zip(formats, files, strict=True):
        answered(home, "export", project, "--to", file, "--format", kind)
    for each in (project, *files[1:]):
        for command in (("watch", each, image.parent), ("predict", each, image)):
            code, said = asked(*command)
            assert code == 2
            assert "needs PyTorch to be run, which is not installed" in said
    code, said = asked("predict", files[0], image)
    assert code == 0, said
