"""What an ensemble is built from: models of the other kinds."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Literal

from quantdl.bounds import Interval, NotEmpty, PositiveInt
from quantdl.errors import FieldFaults
from quantdl.models.settings.classical import ClassicalModel, VolatilitySettings
from quantdl.models.settings.networks import Network, NetworkSettings
from quantdl.models.settings.shared import Refit, repeated_horizons

MemberSettings = Network | ClassicalModel


@dataclass(frozen=True)
class EnsembleSettings:
    """Several models, each fitted with several seeds, mixed with equal weights.

    Attributes:
        horizon: Bars from fill to exit; equals the plan's horizon, and that of every member.
        members: Blocks of models, each with its own settings. In a config a bare kind stands for a block, and a block
            without a horizon takes that of the ensemble.
        seeds: Fits of each member that is a network, with a seed of its own each; the first is the config's. What has
            no random start is fitted once. Members count alike, and the fits of one share what it counts.
        refit: Whether all members are fitted anew every calendar year, quarter or month, or fitted once; it takes the
            place of their own.
        also_horizons: Further horizons that all members answer for; they take the place of their own.
        kind: Name of the model.
    """

    horizon: PositiveInt
    members: Annotated[tuple[MemberSettings, ...], NotEmpty]
    seeds: Annotated[int, Interval(ge=1, le=64)] = 1
    refit: Refit = "once"
    also_horizons: tuple[PositiveInt, ...] = ()
    kind: Literal["ensemble"] = "ensemble"

    def __post_init__(self) -> None:
        faults = [*repeated_horizons(self.horizon, self.also_horizons)]
        if not faults:
            object.__setattr__(self, "members", tuple(map(self._as_member, self.members)))
        faults += [("members", fault) for fault in self._misfits()]
        if faults:
            raise FieldFaults(*faults)

    def _as_member(self, member: MemberSettings) -> MemberSettings:
        """The member with what the ensemble decides for all; one of another horizon is refused later on."""
        if self.horizon == member.horizon:
            member = replace(member, also_horizons=self.also_horizons)
        return replace(member, refit=self.refit) if isinstance(member, NetworkSettings | VolatilitySettings) else member

    def _misfits(self) -> Iterator[str]:
        for number, member in enumerate(self.members, start=1):
            if member.horizon != self.horizon:
                named = f"member {number}, {member.kind},"
                yield f"{named} has the horizon {member.horizon}; expected {self.horizon}, the ensemble's"
            if member in self.members[: number - 1]:
                yield f"member {number}, {member.kind}, stands there twice; expected each once: seeds fits it again"
        if self.n_fits == 1:
            yield "given one member that is fitted once; expected several, or a network and seeds above 1"

    @property
    def n_fits(self) -> int:
        """Fits that are mixed."""
        return sum(self.fits_of(member) for member in self.members)

    @property
    def weights(self) -> tuple[float, ...]:
        """Weight of each fit, those of one member after each other."""
        counts = [self.fits_of(member) for member in self.members]
        return tuple(1.0 / (len(counts) * count) for count in counts for _ in range(count))

    def fits_of(self, member: MemberSettings) -> int:
        """How often a member is fitted: with every seed, if it begins from random weights."""
        return self.seeds if isinstance(member, NetworkSettings) else 1
