"""A model's forecasts as draws: returns for sizing a position, and the losses that a book may make."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
import torch

from quantdl.distributions import Forecast, MixtureForecast
from quantdl.market.panel import Panel
from quantdl.risk.book.historical import trailing_returns
from quantdl.risk.book.predictions import BookRisk, MemberLosses
from quantdl.risk.book.stand_ins import with_stand_ins, worst_together
from quantdl.risk.measures.losses import draw_returns, portfolio_losses
from quantdl.risk.measures.scenarios import Scenarios
from quantdl.sequences import NEXT_SESSION, ReturnWindow
from quantdl.training.forecasting import ForecastBook


@dataclass(frozen=True, eq=False)
class ModelPredictions:
    """Draws from a book of forecasts, seeded by the run and the session, so that asking twice gives the same.

    Attributes:
        book: Laws of the next session and of the position window.
        position: Return window of the position, from its fill to its exit.
        seed: Of the run.
        n_draws: ``S``.
        panel: Prices, for assets that a law leaves out.
        name: What the predictions are called in a report.
    """

    book: ForecastBook
    position: ReturnWindow
    seed: int
    n_draws: int
    panel: Panel
    name: str = "model"

    def source(self, fewest: int, most: int) -> str:
        """See `LossPredictions`."""
        return self.name

    def position_draws(self, session: pd.Timestamp) -> np.ndarray:
        """(S, A) log returns from the fill to the horizon; a column of NaN for an absent asset."""
        return self._draws(session, self.position)

    def book_risk(self, session: pd.Timestamp, weights: np.ndarray) -> BookRisk:
        """Losses in the session after ``session`` of the book held after its fills, (A,) weights.

        At the close of a session in which nothing traded, the law of the last one in which something did still stands.

        A held asset that the model cannot forecast, because it did not trade, is not riskless: it is given its own
        trailing returns, ordered to be worst where the rest of the book is worst. The book then reaches no level that
        so many returns do not reach.
        """
        law, seed = self._law(session, NEXT_SESSION)
        stand_ins = self._stand_ins(session, law, np.array(weights, dtype=np.float64))
        losses_under = partial(self._losses, seed=seed, weights=weights, stand_ins=stand_ins)
        by_member = partial(_of_members, losses_under, law) if isinstance(law, MixtureForecast) else None
        if not stand_ins:
            return BookRisk(losses_under(law), by_member=by_member)
        shortest = min(stand_ins, key=lambda asset: len(stand_ins[asset]))
        basis = f"past returns of {self.panel.assets[shortest]}, which is held and has no forecast"
        return BookRisk(losses_under(law), len(stand_ins[shortest]), basis, by_member)

    def scenarios(self, session: pd.Timestamp, weights: np.ndarray, level: float) -> Scenarios | None:
        """Joint returns behind `book_risk`; see `quantdl.risk.book.run_contributions.PredictedScenarios`."""
        law, seed = self._law(session, NEXT_SESSION)
        drawn = Scenarios.of_law(law, self.book.assets, 1, self.n_draws, seed)
        held = torch.from_numpy(np.array(weights, dtype=np.float64))
        absent = torch.nonzero((held != 0) & ~drawn.known).flatten().tolist()
        past = {asset: trailing_returns(self.panel, asset, session) for asset in absent}
        fewest = min([len(drawn.returns), *map(len, past.values())])
        return with_stand_ins(drawn, held, past) if round(fewest * (1.0 - level), 6) >= 1.0 else None

    def value_at_risk(self, session: pd.Timestamp, weights: np.ndarray, level: float) -> float | None:
        """Value at risk of a book over the session after ``session``; arguments as for `book_risk`.

        None where too little is known of an asset held, see `BookRisk.reaches`.
        """
        risk = self.book_risk(session, weights)
        return risk.value_at_risk(level) if risk.reaches(level) else None

    def _losses(
        self, law: Forecast, seed: int, weights: np.ndarray, stand_ins: Mapping[int, np.ndarray]
    ) -> torch.Tensor:
        """(S,) losses of a book under a law."""
        draws = self._draws_of(law, seed)
        known = np.where(np.isnan(draws).all(axis=0), 0, np.array(weights, dtype=np.float64))
        losses = portfolio_losses(torch.from_numpy(np.nan_to_num(draws)), torch.from_numpy(known))
        for own in stand_ins.values():
            losses = losses + worst_together(losses, own) if len(own) else losses
        return losses

    def _stand_ins(self, session: pd.Timestamp, law: Forecast, weights: np.ndarray) -> dict[int, np.ndarray]:
        """Past losses of each asset that is held and that the law leaves out, by its number."""
        absent = ~law.present[0].cpu().numpy()
        held = np.flatnonzero(absent & (weights != 0)).tolist()
        return {asset: -weights[asset] * trailing_returns(self.panel, asset, session) for asset in held}

    def _draws(self, session: pd.Timestamp, window: ReturnWindow) -> np.ndarray:
        return self._draws_of(*self._law(session, window))

    def _law(self, session: pd.Timestamp, window: ReturnWindow) -> tuple[Forecast, int]:
        """The law that stands at the close of a session, and the seed of its draws."""
        law = self.book.law(session, window)
        key = [self.seed, int(self.book.made_at(session).value), window.starts_after, window.bars]
        return law, int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0] >> np.uint64(1))

    def _draws_of(self, law: Forecast, seed: int) -> np.ndarray:
        draws = draw_returns(law, self.n_draws, seed)[:, 0].cpu().numpy()
        return np.where(law.present[0].cpu().numpy(), draws, np.nan)


def _of_members(losses_under: Callable[[Forecast], torch.Tensor], law: MixtureForecast) -> MemberLosses:
    return MemberLosses(torch.stack([losses_under(member) for member in law.members]), law.weights[0].cpu())
