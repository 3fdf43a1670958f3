"""How PyInstaller gathers onnxscript here: it reads the source of what it makes operators from."""

module_collection_mode = "pyz+py"
