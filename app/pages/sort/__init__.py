"""The Sort page: images that wait for a class, what they may be, and keys that name them."""
