"""How a network is fitted, and on which dates: what a config may say of it."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime, time
from typing import Annotated, Literal

from quantdl.bounds import NonNegativeFloat, NotEmpty, PositiveFloat, PositiveInt, Share, ShareBelowOne
from quantdl.errors import FieldFaults


@dataclass(frozen=True)
class LossShares:
    """What the loss is made of.

    All parts are proper scores, so the true law is best under any shares. Under the joint density alone a misspecified
    model fits the dependence at the expense of the marginals and gives each asset lighter tails than it has; and what
    it says of a book, one direction among all that the joint density looks at, is then fitted by nothing.

    Attributes:
        marginal_share: Weight of the marginal densities, the joint density carrying the rest of one.
        book_share: Weight of the mean log density of some books, times the number of assets in the row.
        books: Books for each row: equal weight, and the others long-only at random.
    """

    marginal_share: Share = 0.5
    book_share: NonNegativeFloat = 0.1
    books: PositiveInt = 6


@dataclass(frozen=True)
class TrainingSettings:
    """How a network is fitted.

    Attributes:
        epochs: Most passes over the training span.
        patience: Passes without a better validation score before training stops.
        learning_rate: Of AdamW at its peak.
        annealing: How the learning rate falls from pass to pass: ``cosine`` along half a wave that would end at zero
            after ``epochs`` passes, so that the last passes change little; ``none`` keeps it.
        weight_decay: Of AdamW.
        warm_up_steps: Steps over which the learning rate rises from zero.
        rows_hold: What one row of a batch holds. ``all_assets``: consecutive sessions of all assets, so that a network
            learns how they move together. ``one_asset``: consecutive bars of one asset, drawn at random, so that a
            network learns each asset's marginal law only; forecasts of several assets are then joined by the trailing
            factors alone, and networks that read other assets (graph, tree, coupling, cross section) are refused.
            `quantdl.training.batches.AssetBatches` reads such rows from mapped files too.
        block: Consecutive bars that share one history row.
        rows: History rows in a batch, over all processes. ``auto`` takes 2 on a CPU and 8 on a GPU, with the
            learning rate, the warm-up and the averaging that go with it; see `quantdl.training.execution.execution_on`.
        gradient_norm: Longest gradient; a longer one is shortened to it.
        averaging: Decay per step of the running mean of the weights, which is what is validated and kept.
        marginal_share: Weight of the marginal densities in the loss, the joint density carrying the rest; see
            `quantdl.training.settings.LossShares`.
        book_share: Weight of the densities of books in the loss, per asset.
        books: Books for each session: equal weight, and the others long-only at random.
        half_life_years: Age at which a session counts half in training; None counts all alike.
        final_fit: What the kept weights are fitted on. ``train`` keeps those that validated best, which have seen
            nothing of the validation span. ``train_and_validation`` fits anew on both spans, for as many passes as
            validated best, so that the most recent years are learnt from; refits take that number over from the first
            fit and validate nothing.
        device: ``auto`` takes a GPU when there is one.
        precision: Of the encoder in training; laws, losses and validation are in float32 in any case. ``auto`` takes
            bfloat16 on a GPU that has it.
        compile: Whether the encoder's blocks and the flow's splines are compiled. It takes tens of seconds before the
            first step, so it pays in long trainings only. ``auto`` compiles on a GPU where torch's compiler is
            complete.
    """

    epochs: PositiveInt = 30
    patience: PositiveInt = 6
    learning_rate: PositiveFloat = 2e-3
    annealing: Literal["cosine", "none"] = "cosine"
    weight_decay: NonNegativeFloat = 1e-2
    warm_up_steps: PositiveInt = 50
    rows_hold: Literal["all_assets", "one_asset"] = "all_assets"
    block: PositiveInt = 32
    rows: PositiveInt | Literal["auto"] = "auto"
    gradient_norm: PositiveFloat = 1.0
    averaging: ShareBelowOne = 0.99
    marginal_share: Share = 0.5
    book_share: NonNegativeFloat = 0.1
    books: PositiveInt = 6
    half_life_years: PositiveFloat | None = 8.0
    final_fit: Literal["train", "train_and_validation"] = "train"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    compile: Literal["auto", "on", "off"] = "off"

    @property
    def loss_shares(self) -> LossShares:
        """What the loss is made of."""
        return LossShares(self.marginal_share, self.book_share, self.books)


@dataclass(frozen=True)
class NumberRange:
    """Numbers from ``low`` to ``high``, both among them; whole numbers where both are written as such.

    Attributes:
        low: Least one.
        high: Largest one.
        log: Whether each factor is as likely as another, instead of each distance.

    Raises:
        FieldFaults: If the ends are not in order, or not positive under ``log``.
    """

    low: int | float
    high: int | float
    log: bool = False

    def __post_init__(self) -> None:
        if self.high <= self.low:
            raise FieldFaults(("high", f"given {self.high}; expected a number above low, which is {self.low}"))
        if self.log and self.low <= 0:
            raise FieldFaults(("low", f"given {self.low}; expected a number above 0 with log"))

    @property
    def values(self) -> tuple[int | float, ...]:
        """The values to check: the ends."""
        return self.low, self.high


@dataclass(frozen=True)
class Choices:
    """Some values, all alike.

    Attributes:
        choices: At least two, each once.

    Raises:
        FieldFaults: If there are fewer.
    """

    choices: tuple[bool | int | float | str, ...]

    def __post_init__(self) -> None:
        if len(set(self.choices)) < max(2, len(self.choices)):
            raise FieldFaults(("choices", f"given {list(self.choices)}; expected two values or more, each once"))

    @property
    def values(self) -> tuple[bool | int | float | str, ...]:
        """The values to check: all."""
        return self.choices


@dataclass(frozen=True)
class SearchSettings:
    """What `quantdl search` tries: it fits the model with other settings and keeps what validates best.

    Attributes:
        settings: Ranges of settings of the blocks ``model`` and ``training``, by their dotted name, such as
            ``training.learning_rate``.
        trials: Fits in all.
    """

    settings: Annotated[Mapping[str, NumberRange | Choices], NotEmpty]
    trials: PositiveInt = 20


@dataclass(frozen=True)
class SplitDates:
    """Four dates: fitted through ``train_end``, selected through ``validation_end``, judged on the test span.

    In Python, text such as ``"2016-12-30"`` and a ``pandas.Timestamp`` without a time stand for their day.

    Attributes:
        train_end: Training labels end here.
        validation_end: Validation labels end here: the model is fitted through this session.
        test_start: First session that is forecast and traded.
        test_end: Last one.

    Raises:
        FieldFaults: If one is no day, or they are not in this order.
    """

    train_end: date
    validation_end: date
    test_start: date
    test_end: date

    def __post_init__(self) -> None:
        given = {item.name: getattr(self, item.name) for item in fields(self)}
        days = {name: _day(value) for name, value in given.items()}
        faults = [
            (name, f"given {given[name]!r}; expected a date such as 2016-12-30")
            for name, day in days.items()
            if day is None
        ]
        if faults:
            raise FieldFaults(*faults)
        for name, day in days.items():
            object.__setattr__(self, name, day)
        if self.validation_end <= self.train_end:
            faults.append(("validation_end", not_after(self.validation_end, "train_end", self.train_end)))
        last = max(("train_end", self.train_end), ("validation_end", self.validation_end), key=lambda end: end[1])
        if self.test_start <= last[1]:
            seen = " (the test span must not overlap what the model has seen)"
            faults.append(("test_start", not_after(self.test_start, *last) + seen))
        if self.test_end <= self.test_start:
            faults.append(("test_end", not_after(self.test_end, "test_start", self.test_start)))
        if faults:
            raise FieldFaults(*faults)


def _day(given: object) -> date | None:
    """The day of a date, of text, or of an instant without a time and a zone; None where there is none."""
    try:
        if isinstance(given, str):
            return date.fromisoformat(given)
        if isinstance(given, datetime):  # a pandas.Timestamp is one
            return given.date() if given.tzinfo is None and given.time() == time.min else None
    except ValueError:  # text that is no day, or NaT
        return None
    return given if isinstance(given, date) else None


def not_after(given: date, name: str, limit: date) -> str:
    """Say that a day lies not after another one, which has a name."""
    return f"given {given}; expected a date after {name}, which is {limit}"
