"""Orders: shares fixed at the decision, filled at the next price that is really made, or still waiting for one."""

from dataclasses import dataclass, field

import numpy as np

from quantdl.backtest.book.costs import Costs, FillCost, fill_cost
from tests.backtest.oracle.accounting import Book

# A difference below this share of the order is rounding, not an unfilled part.
ROUNDING = 1e-9


@dataclass(eq=False)
class Order:
    """One order. The fields but the last are the columns of `BacktestResult.orders`.

    Attributes:
        order: Number, from 1 in the order of decision.
        decided: Position of the session it was decided in.
        asset: Index of the asset.
        rule: What asked for it.
        quantity: Shares, negative to sell.
        reference_price: Price it was decided on.
        limit_price: Highest price of a purchase, lowest of a sale; infinite for an exit at any price.
        target_weight: Weight it leads to.
        filled: Shares filled so far.
        status: ``waiting``, or how it ended.
        left: Shares still to be filled; less than ``quantity - filled`` once a purchase was cut for want of cash.
    """

    order: int
    decided: int
    asset: int
    rule: str
    quantity: float
    reference_price: float
    limit_price: float
    target_weight: float
    filled: float
    status: str
    left: float

    def accepts(self, price: float) -> bool:
        """Whether the price is real and within the limit: at most it for a purchase, at least it for a sale."""
        beyond = (price - self.limit_price) * np.sign(self.quantity)
        return bool(np.isfinite(price) and not beyond > 0)


@dataclass(frozen=True, eq=False)
class Fill:
    """One fill. The fields are the columns of `BacktestResult.fills`.

    Attributes:
        order: Number of its order; 0 for shares that came or went without one.
        decided: Position of the session it was decided in.
        session: Position of the session it was filled in.
        asset: Index of the asset.
        rule: What asked for it.
        quantity: Shares, negative when sold.
        price: Money per share.
        notional: Money traded, positive.
        commission: Money.
        spread: Money.
        impact: Money.
        cost: The sum of the three.
        dollar_volume: Dollars a session known before the fill, NaN where none are or liquidity is waived.
        volatility: Daily volatility known before the fill, NaN where it is not.
    """

    order: int
    decided: int
    session: int
    asset: int
    rule: str
    quantity: float
    price: float
    notional: float
    commission: float
    spread: float
    impact: float
    cost: float
    dollar_volume: float
    volatility: float


@dataclass(frozen=True, eq=False)
class SessionMarket:
    """What a session offers to fill against.

    Attributes:
        session: Position of the session.
        prices: (A,) fill prices; NaN where the asset makes none, and an order waits.
        most_dollars: (A,) the most that may be traded.
        dollar_volume: (A,) dollars a session, as known beforehand.
        volatility: (A,) daily volatility, as known beforehand.
        equity: Value of the book before the fills.
        reduces_only: Whether positions may only be reduced.
    """

    session: int
    prices: np.ndarray
    most_dollars: np.ndarray
    dollar_volume: np.ndarray
    volatility: np.ndarray
    equity: float
    reduces_only: bool = False


@dataclass(eq=False)
class OrderDesk:
    """At most one open order per asset, and the record of all orders and fills."""

    costs: Costs
    open: dict[int, Order] = field(init=False, default_factory=dict)
    orders: list[Order] = field(init=False, default_factory=list)
    fills: list[Fill] = field(init=False, default_factory=list)

    def place(
        self, asset: int, quantity: float, rule: str, session: int, price: float, target_weight: float, may_lose: float
    ) -> None:
        """Open an order in place of whatever waits for that asset; a quantity of zero only cancels.

        Args:
            asset: Index of the asset.
            quantity: Shares, negative to sell.
            rule: What asks for it.
            session: Position of the session of the decision.
            price: Price it was decided on.
            target_weight: Weight it leads to.
            may_lose: Money that may be lost by filling at a wrong price, should the price then return to ``price``. It
                sets the limit: one bad print costs no more. Infinite for an exit at any price.
        """
        self.cancel(asset, "replaced")
        if quantity != 0:
            order = Order(
                order=len(self.orders) + 1,
                decided=session,
                asset=asset,
                rule=rule,
                quantity=quantity,
                reference_price=price,
                limit_price=price + may_lose / quantity,
                target_weight=target_weight,
                filled=0.0,
                status="waiting",
                left=quantity,
            )
            self.orders.append(order)
            self.open[asset] = order

    def cancel(self, asset: int, status: str) -> None:
        """Take what is left of an order off the desk."""
        order = self.open.pop(asset, None)
        if order is not None:
            order.status = "partial" if order.filled else status

    def adjust(self, asset: int, ratio: float, cash: float) -> None:
        """Adjust a waiting order on an ex-date: shares times ``ratio``, prices less ``cash`` and divided by it.

        What was filled before counts in new shares too. Exchanges treat open orders alike (FINRA Rule 5330).

        Args:
            asset: Index of the asset.
            ratio: New shares for each old one.
            cash: Dividend for each old share.
        """
        order = self.open.get(asset)
        if order is None:
            return
        order.quantity, order.filled, order.left = order.quantity * ratio, order.filled * ratio, order.left * ratio
        order.reference_price = (order.reference_price - cash) / ratio
        order.limit_price = (order.limit_price - cash) / ratio

    def execute(self, book: Book, market: SessionMarket) -> list[Fill]:
        """Fill what can be filled: sales first, then covers of shorts, then purchases as far as the cash reaches.

        Purchases that cash cannot pay for are scaled down alike, and what is cut is not tried again: it was
        sized on prices that no longer hold. What the participation cap leaves over waits.
        """
        sales, covers, purchases = self._fillable(book, market)
        fills = [self._fill(asset, shares, book, market) for asset, shares in (*sales.items(), *covers.items())]
        scale = self._affordable(purchases, book.cash, market)
        for asset, shares in purchases.items():
            if scale > 0:
                fills.append(self._fill(asset, shares * scale, book, market))
            self.open[asset].left -= shares * (1 - scale)
        self._close_done()
        self.fills.extend(fills)
        return fills

    def _fillable(
        self, book: Book, market: SessionMarket
    ) -> tuple[dict[int, float], dict[int, float], dict[int, float]]:
        """Split what price and participation allow into sales, covers of shorts, and purchases.

        What reduces a position asks for no limit.
        """
        sales, covers, purchases = {}, {}, {}
        for asset in sorted(self.open):
            price, most = float(market.prices[asset]), float(market.most_dollars[asset])
            left, held = self.open[asset].left, float(book.quantities[asset])
            if market.reduces_only or not self.open[asset].accepts(price):
                left = float(np.copysign(min(abs(left), abs(held)), left)) if left * held < 0 else 0.0
            if left == 0 or not (np.isfinite(price) and most > 0):
                continue
            shares = left if abs(left) * price <= most else float(np.copysign(most / price, left))
            if shares < 0:
                sales[asset] = shares
                continue
            cover = min(shares, max(-float(book.quantities[asset]), 0.0))
            if cover > 0:
                covers[asset] = cover
            if shares > cover:
                purchases[asset] = shares - cover
        return sales, covers, purchases

    def _cost(self, asset: int, shares: float, market: SessionMarket) -> tuple[float, FillCost]:
        notional = abs(shares) * float(market.prices[asset])
        volume, volatility = float(market.dollar_volume[asset]), float(market.volatility[asset])
        return notional, fill_cost(notional, self.costs, volume, volatility)

    def _affordable(self, purchases: dict[int, float], cash: float, market: SessionMarket) -> float:
        """Return the share of the purchases that the cash pays for, costs included."""
        bills = [self._cost(asset, shares, market) for asset, shares in purchases.items()]
        needed = sum(notional + cost.total for notional, cost in bills)
        return 1.0 if needed <= max(cash, 0.0) else max(cash, 0.0) / needed

    def _fill(self, asset: int, shares: float, book: Book, market: SessionMarket) -> Fill:
        order, price = self.open[asset], float(market.prices[asset])
        notional, cost = self._cost(asset, shares, market)
        book.trade(asset, shares, price, cost.total, market.session, market.equity, order.rule)
        order.filled += shares
        order.left -= shares
        known_volume = float(market.dollar_volume[asset])
        return Fill(
            order=order.order,
            decided=order.decided,
            session=market.session,
            asset=order.asset,
            rule=order.rule,
            quantity=shares,
            price=price,
            notional=notional,
            commission=cost.commission,
            spread=cost.spread,
            impact=cost.impact,
            cost=cost.total,
            dollar_volume=known_volume if np.isfinite(known_volume) else np.nan,
            volatility=float(market.volatility[asset]),
        )

    def record_payout(self, asset: int, shares: float, price: float, rule: str, session: int) -> None:
        """Record shares that left the book without an order, as order 0."""
        fill = Fill(
            order=0,
            decided=session,
            session=session,
            asset=asset,
            rule=rule,
            quantity=shares,
            price=price,
            notional=abs(shares) * price,
            commission=0.0,
            spread=0.0,
            impact=0.0,
            cost=0.0,
            dollar_volume=float("nan"),
            volatility=float("nan"),
        )
        self.fills.append(fill)

    def _close_done(self) -> None:
        """Take orders with nothing left off the desk."""
        for asset, order in list(self.open.items()):
            if abs(order.left) <= ROUNDING * abs(order.quantity):
                missing = abs(order.quantity - order.filled) > ROUNDING * abs(order.quantity)
                order.status = "cash_short" if missing else "filled"
                del self.open[asset]
