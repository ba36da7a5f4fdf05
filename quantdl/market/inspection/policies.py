"""What is to be done about each kind of fault."""

from dataclasses import dataclass, fields
from typing import Literal, get_args, get_type_hints

from quantdl.errors import DataError
from quantdl.market.card import OnFault

Action = Literal["refuse", "mask", "drop_asset", "keep"]
BreakAction = Literal["refuse", "split_at_gap", "drop_asset", "keep"]
RunAction = Literal["refuse", "mask", "split_at_gap", "drop_asset", "keep"]
ReportAction = Literal["refuse", "drop_asset", "keep"]
AnyAction = Action | BreakAction | RunAction | ReportAction

AT_LOADING = (
    *(f"{fault}_{price}" for fault in ("zero", "negative", "non_finite") for price in ("open", "high", "low", "close")),
    "negative_volume",
    "non_finite_volume",
    "missing_close",
    "duplicate",
    "unsorted",
    "non_session",
    "outside_session",
    "after_as_of",
    "unreadable_row",
    "unmapped_ticker",
)
"""The kinds that a loader finds, and stops at unless it is to record them."""


@dataclass(frozen=True)
class Policies:
    """One action for each kind of fault.

    ``refuse`` raises; ``drop_asset`` takes the asset out of the panel; ``mask`` makes the cell MISSING, or empties the
    fields that the fault concerns; ``keep`` leaves the cells as they are. ``split_at_gap`` cuts the history of the
    asset where the fault lies and makes two assets of it, see `quantdl.market.inspection.cuts`; it is for faults
    between two bars, which masking a bar cannot mend (``suspected_split``, ``reused_history``, ``long_gap``). No action
    invents a value. What has no cell to change (a session that is missing already, a row that the loader left out)
    stays as it is under ``mask`` too. A bar of volume 0 is no trade under ``keep`` either: it stays to be seen, but
    nothing fills on it and no return is made of it, see `quantdl.market.panel.Panel.traded`.

    The defaults mask what cannot be a price and years without information, drop assets without a single bar, cut
    histories where the price changes its scale, so that no return is made of two scales, and keep what may be true: a
    large move, a spike, a repeated close, a quiet week. They refuse what is wrong as a whole and cannot be mended by
    leaving something out: corporate actions that contradict the prices, and closes on another scale than the bars they
    belong to. Two assets with the same prices are only reported: which of them is right, only their owner knows;
    ``drop_asset`` drops the later one. A revision is kept: the panel holds the latest reading, and the vintages hold
    every other.
    """

    missing_session: Action = "mask"
    session_missing_for_all: Action = "keep"
    long_gap: BreakAction = "keep"
    never_traded: Action = "drop_asset"
    assumed_delisted: Action = "keep"
    zero_open: Action = "mask"
    zero_high: Action = "mask"
    zero_low: Action = "mask"
    zero_close: Action = "mask"
    zero_volume: Action = "keep"
    zero_volume_with_moves: Action = "keep"
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
    close_off_scale: Action = "mask"
    mixed_adjustment: Action = "refuse"
    return_above_50pct: Action = "keep"
    spike_and_revert: Action = "keep"
    suspected_split: BreakAction = "split_at_gap"
    wrong_scale: RunAction = "mask"
    suspected_distribution: ReportAction = "keep"
    reused_history: BreakAction = "split_at_gap"
    split_contradicts_price: Action = "refuse"
    dividend_exceeds_price: Action = "refuse"
    large_return_without_action: Action = "keep"
    stale_run_5: Action = "keep"
    stale_year: Action = "mask"
    repeated_row: Action = "keep"
    coarse_price: Action = "keep"
    penny_price: Action = "keep"
    same_prices: ReportAction = "keep"
    duplicate: Action = "keep"
    unsorted: Action = "keep"
    non_session: Action = "keep"
    outside_session: Action = "keep"
    after_as_of: Action = "keep"
    unreadable_row: Action = "keep"
    unmapped_ticker: Action = "keep"
    revision: Action = "keep"

    def __post_init__(self) -> None:
        """Refuse actions that do not exist, or not for their kind.

        Raises:
            DataError: Naming every one of them with the actions that its kind allows.
        """
        allowed = {kind: get_args(hint) for kind, hint in get_type_hints(Policies).items()}
        wrong = [
            f"{kind}={action!r} (one of {', '.join(allowed[kind])})"
            for kind, action in self.actions().items()
            if action not in allowed[kind]
        ]
        if wrong:
            raise DataError(f"Unknown policies: {'; '.join(wrong)}.")

    def actions(self) -> dict[str, AnyAction]:
        """Return the action for each kind."""
        return {item.name: getattr(self, item.name) for item in fields(self)}

    def on_fault(self) -> OnFault:
        """Return whether a loader stops at impossible rows: yes, unless a policy was chosen for them.

        The defaults are for data that were loaded with their faults. Where nothing is chosen for impossible prices they
        are refused, with file and line.
        """
        chosen, standard = self.actions(), Policies().actions()
        return "record" if any(chosen[kind] != standard[kind] for kind in AT_LOADING) else "refuse"
