"""The Specialise page."""
