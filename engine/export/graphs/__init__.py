"""The parts of exported graphs and programs."""
