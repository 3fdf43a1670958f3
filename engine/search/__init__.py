"""Subnets for a latency."""
