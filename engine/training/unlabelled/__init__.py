"""Adapting a network on images without classes, and judging it by a head in closed form."""
