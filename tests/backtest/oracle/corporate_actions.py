"""What corporate actions do to the book, before the open of their ex-date."""

from collections import defaultdict
from dataclasses import dataclass, field

from quantdl.backtest.book.tape import Tape
from quantdl.backtest.book.terms import ENGINE_PREFIX
from quantdl.market.corporate.effects import Effect
from tests.backtest.oracle.accounting import Book
from tests.backtest.oracle.journal import Journal
from tests.backtest.oracle.orders import OrderDesk

SPLIT = f"{ENGINE_PREFIX}split"


@dataclass(eq=False)
class CorporateActionsDesk:
    """Exchanges shares, rewrites waiting orders and collects dividends.

    Attributes:
        tape: What happens to a share, and when.
        book: The shares held.
        desk: The orders waiting.
        journal: Takes every split and dividend of a position.
        pending: Dividends not paid yet, by the bar that pays them: asset and money.
    """

    tape: Tape
    book: Book
    desk: OrderDesk
    journal: Journal
    pending: defaultdict[int, list[tuple[int, float]]] = field(init=False, default_factory=lambda: defaultdict(list))

    def play(self, t: int) -> None:
        """Apply what happens before the open of bar ``t``: dividends on the old shares, splits, then what is paid."""
        for effect in self.tape.effects.get(t, ()):
            held = float(self.book.quantities[effect.column])
            if held:
                self._pay_dividends(t, effect, held)
                self._split(t, effect)
            self.desk.adjust(effect.column, effect.ratio, effect.cash)
        for asset, amount in self.pending.pop(t, ()):
            self.book.receive(asset, amount)

    def _pay_dividends(self, t: int, effect: Effect, held: float) -> None:
        for payment in effect.payments:
            amount = held * payment.amount
            self.book.accrue(effect.column, amount)
            self.pending[payment.pay_row].append((effect.column, amount))
            verb = "earn" if amount > 0 else "owe"
            detail = f"{self.tape.assets[effect.column]}: {held:g} shares {verb} {payment.amount:g} each, {amount:.2f}"
            self.journal.note(t, "trusted_data", "dividend", detail)

    def _split(self, t: int, effect: Effect) -> None:
        if effect.ratio == 1.0:
            return
        before = float(self.book.quantities[effect.column])
        change = self.book.split(effect.column, effect.ratio)
        self.desk.record_payout(effect.column, change, 0.0, SPLIT, t)
        detail = f"{self.tape.assets[effect.column]}: {before:g} shares become {before + change:g}"
        self.journal.note(t, "trusted_data", "split", detail)
