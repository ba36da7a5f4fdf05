"""What is wrong with a plan, one fault per value, the refusal that lists them all, and the bounds of numbers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from quantdl.errors import closest

LONGEST_WINDOW_BARS = 1_000_000
"""Most bars of a trailing window; a larger number was mistyped."""


@dataclass(frozen=True)
class PlanFault:
    """One reason to refuse a plan.

    Attributes:
        item: Dotted name inside the plan, for instance ``"sizing.max_weight"``.
        given: What the plan says.
        expected: What it should say.
        fix: One action that repairs it.
    """

    item: str
    given: str
    expected: str
    fix: str

    def __str__(self) -> str:
        """Return the fault as one line for the user."""
        return f"plan.{self.item}: got {self.given}, expected {self.expected}. Fix: {self.fix}."


def refusal(faults: tuple[PlanFault, ...]) -> str:
    """Return the message that names every fault at once."""
    count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
    return "\n".join([f"The trading plan is refused, {count}:", *(f"  - {fault}" for fault in faults)])


def within(item: str, value: float, low: float, high: float, meaning: str) -> Iterator[PlanFault]:
    """Yield a fault unless ``low < value <= high``."""
    if not low < value <= high:
        fix = f"set it above {low:g} and at most {high:g}"
        yield PlanFault(item, f"{value:g}", f"{meaning} above {low:g} and at most {high:g}", fix)


def at_least(item: str, value: int, low: int, meaning: str) -> Iterator[PlanFault]:
    """Yield a fault unless ``value >= low``."""
    if value < low:
        yield PlanFault(item, str(value), f"{meaning}, at least {low}", f"set it to {low} or more")


def at_most(item: str, bars: int, most: int, meaning: str) -> Iterator[PlanFault]:
    """Yield a fault if a window is longer than the bars there are."""
    if bars > most:
        yield PlanFault(item, str(bars), f"{meaning}, at most {most}", f"set it to {most} or less")


def each_asset(item: str, named: set[str], assets: Sequence[str], what: str) -> Iterator[PlanFault]:
    """Yield a fault for the assets of the data that are not named, and one for each name that is no asset.

    Args:
        item: Where the plan names the assets.
        named: The symbols it names.
        assets: The assets of the data.
        what: What each asset needs, for instance ``"a group"``.
    """
    without = [asset for asset in assets if asset not in named]
    if without:
        yield PlanFault(item, f"nothing for {without}", f"{what} for every asset", "add them")
    for symbol in sorted(named - set(assets)):
        meant = closest(symbol, assets)
        fix = f"did you mean '{meant}'" if meant else f"remove it; the assets are {list(assets)}"
        yield PlanFault(item, repr(symbol), "an asset of the data", fix)
