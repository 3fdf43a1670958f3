"""The Branches dialog."""
