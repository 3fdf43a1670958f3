"""A step of learning in a project: import, features, learn, score, compare."""
