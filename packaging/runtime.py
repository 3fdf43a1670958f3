"""Runs first of all in the frozen program, before anything imports PyTorch."""

import os
import sys

if sys.platform == "linux":
    # The bundle has no libraries of graphics cards: PyTorch must neither look for their functions
    # before one is called (packaging/elf.py), nor find a card.
    sys.setdlopenflags(os.RTLD_LAZY)
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
