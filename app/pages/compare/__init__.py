"""The Compare page: ways to learn beside one another, on the project's own images."""
