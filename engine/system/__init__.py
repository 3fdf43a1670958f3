"""The computer that this runs on: paths, log, devices, downloads, words for numbers."""
