"""The heap: images without a class, what they may be, and in which order to ask about them."""
