"""Files that say which images are of which class: read from elsewhere, and written for it."""
