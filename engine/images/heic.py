"""Images as telephones save them, where the extra that opens them is installed."""

from __future__ import annotations

from functools import cache

EXTRA = "HEIF"
"""What Pillow calls the format then."""


@cache
def opens_heic() -> bool:
    """Whether Pillow opens HEIC here; tells it how, the first time it is asked."""
    try:
        import pillow_heif
    except ImportError:
        return False
    pillow_heif.register_heif_opener(thumbnails=False)
    return True
