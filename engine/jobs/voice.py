"""Jobs of the voice: say a sentence, aloud or into a file, and which voices there are.

Nothing here imports PyTorch: exported files are watched without it.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import BadSetting, Refused
from engine.events import Progress, Said, Work
from engine.jobs import job
from engine.live.playing import played
from engine.live.speech import SPEED, STEP, Manner, one_line, sound_of
from engine.live.speech import voices as all_voices
from engine.results.voice import SentenceSaid, VoicesKnown

if TYPE_CHECKING:
    from engine.session import Session


@job("Say a sentence", reads=True)
def say(
    session: Session | None,
    *,
    text: str,
    voice: str = "",
    speed: int = SPEED,
    volume: float = 1.0,
    to: str = "",
) -> Work[SentenceSaid]:
    """Says `text` aloud, or into the WAV file `to`, and tells by Said when which sound is heard.

    `speed` is in words a minute, `volume` from 0 to 1. Cancelled, it is silent at once. Raises
    BadSetting, and Refused where there is no voice or nothing that plays.
    """
    if not 0 <= volume <= 1:
        raise BadSetting("The volume of the voice is from 0 to 1.")
    yield Progress(0, None, "Saying it")
    text = one_line(text)
    sound = sound_of(text, Manner(voice, speed))
    mouth, told = sound.mouth(), None
    if to:
        sound.write(Path(to), volume)
        yield Said(text, sound.seconds, mouth, STEP)
    else:
        with closing(played(sound, volume)) as heard:
            for at in heard:
                if at is not None and told is None:
                    told = at
                    yield Said(text, sound.seconds, mouth, STEP, at)
                else:
                    yield Progress(0, None, "Saying it")
    return {"text": text, "seconds": sound.seconds}


@job("List the voices", reads=True)
def voices(session: Session | None) -> Work[VoicesKnown]:
    """All voices of this computer, or what it lacks."""
    yield Progress(0, None, "Looking for voices")
    try:
        return {"voices": all_voices(), "missing": ""}
    except Refused as why:
        return {"voices": [], "missing": str(why)}
