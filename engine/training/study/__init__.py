"""A study of one's own images: strategies on the same split, with the same seed and budget."""
