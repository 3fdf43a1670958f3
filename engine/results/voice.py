"""What jobs of the voice return."""

from typing import TypedDict


class VoiceKnown(TypedDict):
    """A voice of this computer: what it goes by there, its name for a person, and its language."""

    id: str
    name: str
    language: str


class VoicesKnown(TypedDict):
    """All voices; where there is none, `missing` is a sentence that says how to get one."""

    voices: list[VoiceKnown]
    missing: str


class SentenceSaid(TypedDict):
    """What was said, and how many seconds it took."""

    text: str
    seconds: float
