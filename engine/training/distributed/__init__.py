"""One network trained by several processes at once (torchrun): what they share, and how."""
