"""Branches: a copy of the upper stages for the new classes."""
