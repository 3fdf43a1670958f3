"""The engine of Espalier: no Qt, usable from a script or a notebook."""

__version__ = "0.1.0"
