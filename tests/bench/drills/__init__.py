"""Drills: what happens when a process, a disk or the power goes in the middle of something."""
