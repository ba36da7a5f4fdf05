"""Sentences that must stand beside any figure of a run."""

from quantdl.backtest.plan.friction import VolumeWaiver
from quantdl.backtest.plan.items import Plan
from quantdl.market.card import DataCard
from quantdl.market.corporate.actions import CorporateActions

_FILLS = {
    "next_close": "Decided at a close, filled at the next traded close.",
    "next_open": "Decided at a close, filled at the next traded open.",
    "decision_close": (
        "FILLED AT THE CLOSE IT WAS DECIDED ON, as the plan asked for. Nobody can trade at a price that is not known "
        "yet: the figures are for comparison with other programs only."
    ),
}


def stamps(plan: Plan, card: DataCard, actions: CorporateActions) -> tuple[str, ...]:
    """Return what a reader must know about how the figures came about."""
    friction = plan.friction
    sentences = [_FILLS[friction.fill_at]]
    if isinstance(friction.liquidity, VolumeWaiver):
        waiver = friction.liquidity
        sentences.append(
            f"Liquidity is waived by {waiver.signed_by}: {waiver.reason.rstrip('.')}. "
            "Fills are unlimited and capacity is undefined."
        )
    if friction.commission_bps + friction.half_spread_bps == 0:
        sentences.append("No commission and no spread are charged.")
    if card.universe == "survivors":
        sentences.append("The assets were picked knowing that they survived: only differences between books count.")
    elif card.universe == "unknown":
        sentences.append("It is not known how the assets were picked: survivorship is not controlled.")
    sentences += _dividends(card, actions)
    stated = any(item.terminal_value is not None for item in actions.delistings)
    sentences.append(
        f"A delisted holding is paid out at {friction.delisting_recovery:.0%} of its last close"
        f"{', or at the terminal value that the data states' if stated else ''}. Stops see closes only."
    )
    return tuple(sentences)


def _dividends(card: DataCard, actions: CorporateActions) -> list[str]:
    """Say what the prices leave out and the data does not make up for."""
    sentences = []
    if card.adjustment == "raw" and not actions.splits:
        sentences.append("Prices are raw and the data names no split: one that happened counts as a loss or a gain.")
    if card.adjustment != "total_return" and not actions.dividends:
        sentences.append("The data names no dividend: none is paid to longs, none is charged to shorts.")
    return sentences
