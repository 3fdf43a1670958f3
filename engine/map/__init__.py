"""The map: all images of a project as points on two axes, in places that stay."""
