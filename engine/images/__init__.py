"""Image files: found, checked, decoded, split. No PyTorch."""
