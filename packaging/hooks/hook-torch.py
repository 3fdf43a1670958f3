"""How PyInstaller gathers PyTorch here: as its own hook does, without what only compilers read."""

from pathlib import Path

from PyInstaller.utils.hooks import (
    PY_DYLIB_PATTERNS,
    collect_data_files,
    collect_dynamic_libs,
    collect_submodules,
    get_package_paths,
)

# Parts of PyTorch read their own source: the bytecode alone is not enough.
module_collection_mode = "pyz+py"
warn_on_missing_hiddenimports = False

ASIDE = ("torch._inductor", "torch.testing", "torch.distributed", "torch.ao", "torch.utils")
"""Of these only what something imports."""

hiddenimports = collect_submodules("torch", filter=lambda name: not name.startswith(ASIDE))
datas = collect_data_files("torch", includes=["**/*.json", "**/*.yaml", "**/*.txt", "**/*.pem"])
binaries = collect_dynamic_libs("torch", search_patterns=[*PY_DYLIB_PATTERNS, "*.so.*"])
# PyTorch does not start without the program that shares its memory.
folder = Path(get_package_paths("torch")[1])
binaries += [(str(path), "torch/bin") for path in folder.glob("bin/torch_shm_manager*")]
# PyTorch looks for its libraries beside each other.
bindepend_symlink_suppression = ["**/torch/lib/*.so*"]
