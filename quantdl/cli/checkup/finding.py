"""One thing that was looked at."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "note", "slow", "broken"]


@dataclass(frozen=True)
class Finding:
    """What was found at one place.

    Attributes:
        what: What was looked at, in a word or two.
        state: ``"ok"``; ``"note"`` for what may be as it should be; ``"slow"`` for what costs time and no result;
            ``"broken"`` for what a run needs and does not have.
        detail: What was found.
        fix: What to do about it; empty where nothing need be done.
    """

    what: str
    state: State
    detail: str
    fix: str = ""
