"""How a network gets 8 bits."""
