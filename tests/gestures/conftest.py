"""A real window on a real engine, and a project with small random weights."""

from tests.window_fixtures import *  # noqa: F403
