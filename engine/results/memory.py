"""What a project keeps on disk."""

from typing import TypedDict

MemoryPart = TypedDict("MemoryPart", {"part": str, "bytes": int})


class Memory(TypedDict):
    """All `parts`; `cap` is how many bytes of features and thumbnails are kept at most, 0 for all.
    Of so many images features are `kept`, of `dropped` ones they gave way to the cap; `goes_first`
    says what gives way, in its order, `stays` what can still be done and what can't."""

    parts: list[MemoryPart]
    bytes: int
    cap: int
    kept: int
    dropped: int
    goes_first: list[str]
    stays: str
