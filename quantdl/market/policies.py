"""What is to be done about each kind of fault."""

from dataclasses import dataclass, fields
from typing import Literal, get_args

from quantdl.errors import DataError

Action = Literal["refuse", "mask", "drop_asset", "keep"]


@dataclass(frozen=True)
class Policies:
    """One action for each kind of fault.

    ``refuse`` raises; ``drop_asset`` takes the asset out of the panel; ``mask`` makes the cell MISSING, or empties the
    fields that the fault concerns; ``keep`` leaves the cells as they are. No action invents a value. What has no cell
    to change (a session that is missing already, a row that the loader left out) stays as it is under ``mask`` too.

    The defaults mask what cannot be a price and years without information, drop assets without a single bar, and keep
    what may be true: a large move, a repeated close, a quiet week.
    """

    missing_session: Action = "mask"
    session_missing_for_all: Action = "keep"
    never_traded: Action = "drop_asset"
    assumed_delisted: Action = "keep"
    zero_open: Action = "mask"
    zero_high: Action = "mask"
    zero_low: Action = "mask"
    zero_close: Action = "mask"
    zero_volume: Action = "keep"
    negative_open: Action = "mask"
    negative_high: Action = "mask"
    negative_low: Action = "mask"
    negative_close: Action = "mask"
    negative_volume: Action = "mask"
    non_finite_open: Action = "mask"
    non_finite_high: Action = "mask"
    non_finite_low: Action = "mask"
    non_finite_close: Action = "mask"
    non_finite_volume: Action = "mask"
    missing_close: Action = "mask"
    high_below_low: Action = "mask"
    open_outside_range: Action = "mask"
    close_outside_range: Action = "mask"
    return_above_50pct: Action = "keep"
    stale_run_5: Action = "keep"
    stale_year: Action = "mask"
    repeated_row: Action = "keep"
    coarse_price: Action = "keep"
    duplicate: Action = "keep"
    unsorted: Action = "keep"
    non_session: Action = "keep"
    after_as_of: Action = "keep"

    def __post_init__(self) -> None:
        """Refuse actions that do not exist.

        Raises:
            DataError: Naming every one of them.
        """
        choices = get_args(Action)
        wrong = [f"{name}={action!r}" for name, action in self.actions().items() if action not in choices]
        if wrong:
            raise DataError(f"Unknown policies: {', '.join(wrong)}. An action is one of {', '.join(choices)}.")

    def actions(self) -> dict[str, Action]:
        """Return the action for each kind."""
        return {item.name: getattr(self, item.name) for item in fields(self)}
