"""Networks: backbones and their stages, branches, adapters, supernets, ONNX Runtime."""
