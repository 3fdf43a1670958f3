"""How PyInstaller gathers torchvision here: with the libraries that it loads by path, not by name.

They were called _C once and have other names since; without them it can't be imported at all.
"""

from PyInstaller.utils.hooks import collect_dynamic_libs

# Parts of PyTorch read their own source: the bytecode alone is not enough.
module_collection_mode = "pyz+py"
binaries = collect_dynamic_libs(
    "torchvision", search_patterns=["*.so", "*.pyd", "*.dylib", "*.dll"]
)
