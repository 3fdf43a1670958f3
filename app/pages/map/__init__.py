"""The Map page: all images as points; what lies together is chosen together, and named."""
