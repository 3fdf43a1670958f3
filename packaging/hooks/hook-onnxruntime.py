"""How PyInstaller gathers ONNX Runtime here: its tools import each other by plain names.

They put their folder on Python's path for it, so their sources must lie there as files.
"""

from PyInstaller.utils.hooks import collect_data_files, collect_dynamic_libs

binaries = collect_dynamic_libs("onnxruntime")
datas = collect_data_files("onnxruntime.transformers", include_py_files=True, includes=["*.py"])
