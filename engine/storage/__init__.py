"""A project on disk: tables, blobs, undo."""
