"""A test of value at risk that may be read every day: what the calibration condition of a plan follows."""

from dataclasses import dataclass, field

import numpy as np


def e_process_bets(probability: float) -> tuple[np.ndarray, np.ndarray]:
    """Return what an exception, and a session without one, adds to the logarithm of each bet, both (K,).

    Args:
        probability: Of an exception in a session, if the value at risk is right.
    """
    q = np.minimum(
        np.array(ExceptionProcess.RATIOS) * probability, (1.0 + probability) / 2.0
    )  # a probability, whatever the level
    return np.log(q / probability), np.log((1 - q) / (1 - probability))


@dataclass(eq=False)
class ExceptionProcess:
    r"""An e-process against "losses beyond value at risk have probability p at most".

    It bets, at every session, that exceptions are more frequent, and averages several such bets:

    .. math:: E_t = \frac{1}{K} \sum_k \prod_{s \le t}
              \Big(\frac{q_k}{p}\Big)^{I_s} \Big(\frac{1 - q_k}{1 - p}\Big)^{1 - I_s}, \quad q_k > p

    If the claim holds, each factor has conditional mean one at most, so E is a nonnegative supermartingale from one and
    reaches 1/a with probability a at most in a run of any length (Ville's inequality). It may be read every day.

    Attributes:
        probability: p, one minus the level of the value at risk.

    References:
        | Testing, betting and martingales: Game-theoretic statistics and safe anytime-valid inference
          (Ramdas, Gruenwald, Vovk and Shafer, 2023)
        | https://arxiv.org/abs/2210.01948

    Example:
        >>> process = ExceptionProcess(0.01)
        >>> round(process.update(exception=True), 2)
        4.3
    """

    probability: float
    log_bets: np.ndarray = field(init=False)
    log_exception: np.ndarray = field(init=False)
    log_no_exception: np.ndarray = field(init=False)

    # How many times as many exceptions each bet expects; their average is never below a fifth of the best one.
    RATIOS = (1.5, 2.0, 3.0, 5.0, 10.0)

    def __post_init__(self) -> None:
        """Compute what an exception, and a session without one, multiplies each bet by."""
        self.log_exception, self.log_no_exception = e_process_bets(self.probability)
        self.log_bets = np.zeros(len(self.RATIOS))

    def update(self, exception: bool) -> float:
        """Take in one session and return the process."""
        self.log_bets += self.log_exception if exception else self.log_no_exception
        return self.value()

    def value(self) -> float:
        """Return the process as of now, at most 1e300 so that it stays a number."""
        highest = float(self.log_bets.max())
        return float(np.exp(min(highest, 690.0)) * np.exp(self.log_bets - highest).mean())
