"""The ledger of trials: one line for every run that was tried, appended and never changed.

How good the best of many trials looks depends on how many there were, so the ledger must not forget one. Each line is
a JSON object with the record, its CRC-32 and a SHA-256 that continues the one of the line before: a changed, removed or
reordered line breaks the chain. A line that a crash cut short was never acknowledged; it is reported, and removed by
the next append. Any other damage is an IntegrityError.
"""

import hashlib
import json
import math
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal

from quantdl.disk import appending, disk_errors, read_under_lock
from quantdl.errors import IntegrityError, RunError
from quantdl.records import OMIT_DEFAULT, from_plain, to_plain

_START = "0" * 64  # what the first line continues


@dataclass(frozen=True)
class PeriodSharpe:
    """A Sharpe ratio per bar with what its standard error needs. Never annualised: that inflates every test of it.

    Attributes:
        sharpe: Mean over standard deviation of returns per bar.
        n_observations: Number of returns, at least 2.
        skewness: Third standardised moment of the returns.
        kurtosis: Fourth standardised moment, 3 for the normal law (not excess kurtosis).

    Raises:
        ValueError: If a figure is not finite, or the kurtosis is below ``1 + skewness**2``, which no law allows (a
            sign of excess kurtosis).
    """

    sharpe: float
    n_observations: int
    skewness: float
    kurtosis: float

    def __post_init__(self) -> None:
        if not all(math.isfinite(value) for value in (self.sharpe, self.skewness, self.kurtosis)):
            raise ValueError(f"figures of a Sharpe ratio must be finite, got {self}.")
        if self.n_observations < 2:
            raise ValueError(f"n_observations must be at least 2, got {self.n_observations}.")
        if self.kurtosis < 1.0 + self.skewness**2 - 1e-9:
            raise ValueError(
                f"kurtosis {self.kurtosis} is below 1 + skewness**2 = {1.0 + self.skewness**2}, which no law allows. "
                "Excess kurtosis was given? Add 3."
            )


@dataclass(frozen=True)
class Look:
    """A span of sessions whose outcomes were looked at, and what for.

    Attributes:
        first: First session.
        last: Last session.
        purpose: A ``run`` is a trial of a strategy (a backtest without a folder too); an ``evaluation`` scores
            forecasts, which is a look at the span but no trial that a Sharpe ratio could be chosen from.
    """

    first: date
    last: date
    purpose: Literal["run", "evaluation"] = "run"

    def overlaps(self, other: "Look") -> bool:
        """Whether the two share a session."""
        return self.first <= other.last and other.first <= self.last


@dataclass(frozen=True)
class Trial:
    """One line of the ledger.

    Attributes:
        sequence: 1, 2, 3, ...: the order of trials, whatever the clock said.
        trial: Hash of config, data, seed and code, from `trial_hash`; identical ones are one trial.
        data: Fingerprint of the data, so that trials on the same data can be counted.
        run: Identifier of the run folder.
        time: UTC, ISO 8601, by the clock of the machine.
        figures: Sharpe ratio of the test span, or None when it is undefined.
        reason: Why ``figures`` is None, else empty.
        look: What was looked at; None in lines that are older than this field, all of them of runs.
    """

    sequence: int
    trial: str
    data: str
    run: str
    time: str
    figures: PeriodSharpe | None
    reason: str
    look: Look | None = field(default=None, metadata=OMIT_DEFAULT)

    @property
    def is_run(self) -> bool:
        """Whether a strategy was tried, and not only forecasts scored."""
        return self.look is None or self.look.purpose == "run"


@dataclass(frozen=True)
class LedgerContents:
    """What a ledger holds.

    Attributes:
        records: All lines, in order.
        torn: What was found of a line that a crash cut short, described; None when the ledger ends cleanly.
    """

    records: tuple[Trial, ...]
    torn: str | None

    def distinct(self, data: str | None = None) -> tuple[Trial, ...]:
        """The trials, each once (its first record), on all data or on the data with this fingerprint."""
        first: dict[str, Trial] = {}
        for record in self.records:
            if record.is_run and (data is None or record.data == data):
                first.setdefault(record.trial, record)
        return tuple(first.values())

    def looks(self, data: str, span: Look) -> int:
        """How often outcomes of this data in the span, or in part of it, were looked at.

        Runs and evaluations count, the same config, data, seed and code once. A line that does not say its span counts.
        """
        seen = {
            record.trial
            for record in self.records
            if record.data == data and (record.look is None or record.look.overlaps(span))
        }
        return len(seen)


def trial_hash(config: str, data: str, seed: int, code: str) -> str:
    """Identify a trial: the same config, data, seed and code are the same trial.

    Args:
        config: The resolved config as canonical JSON.
        data: Fingerprint of the data.
        seed: Seed of the run.
        code: Hash of quantdl's version and of the strategy file.

    Example:
        >>> trial_hash("{}", "sha256:1", 7, "abc") == trial_hash("{}", "sha256:1", 8, "abc")
        False
    """
    return hashlib.sha256(json.dumps([config, data, seed, code]).encode()).hexdigest()


class Ledger:
    """An append-only file of trials that several processes may share.

    Args:
        path: The file, made by the first append.
        clock: Seconds since 1970.

    Example:
        >>> import tempfile
        >>> ledger = Ledger(Path(tempfile.mkdtemp()) / "ledger.jsonl")
        >>> ledger.append("4e1f", "sha256:1", "01HF7YAT000000000000000000", PeriodSharpe(0.05, 1000, 0.0, 3.0)).sequence
        1
        >>> len(ledger.read().distinct())
        1
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self.path = Path(path)
        self._clock = clock

    def append(
        self,
        trial: str,
        data: str,
        run: str,
        figures: PeriodSharpe | None,
        reason: str = "",
        look: Look | None = None,
    ) -> Trial:
        """Record a trial; when this returns, it is on the disk.

        Args:
            trial: From `trial_hash`.
            data: Fingerprint of the data.
            run: Identifier of the run folder.
            figures: Sharpe ratio of the test span, None when undefined.
            reason: Why it is undefined.
            look: Span that was looked at.

        Raises:
            RunError: If the disk refuses; the ledger is as before.
            IntegrityError: If the ledger is damaged.
            ValueError: If there are neither figures nor a reason.
        """
        if figures is None and not reason:
            raise ValueError("a trial without figures needs a reason.")
        with disk_errors(self.path, "The trial was not recorded."), appending(self.path) as file:
            lines, sound = _parse(file.content, self.path)
            now = datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="seconds")
            record = Trial(len(lines) + 1, trial, data, run, now, figures, reason, look)
            unterminated = sound > 0 and file.content[sound - 1 : sound] != b"\n"
            addition = b"\n" * unterminated + _line(record, lines[-1].chain if lines else _START)
            file.extend(sound, addition)
        return record

    def read(self) -> LedgerContents:
        """Read all trials; an absent ledger holds none.

        Raises:
            IntegrityError: If a line was changed, removed or reordered, naming the line.
            RunError: If the file cannot be read.
        """
        if not self.path.exists():
            return LedgerContents((), None)
        try:
            contents = self._contents(shared_lock=False)  # a reader does not hold up a run
        except IntegrityError:
            return self._contents(shared_lock=True)
        return contents if contents.torn is None else self._contents(shared_lock=True)

    def _contents(self, shared_lock: bool) -> LedgerContents:
        """Without the lock an append in progress can look like damage; with it nothing is in progress."""
        try:
            content = read_under_lock(self.path) if shared_lock else self.path.read_bytes()
        except OSError as error:
            raise RunError(f"{self.path}: {error.strerror or error}. Make it readable, or restore it.") from error
        lines, sound = _parse(content, self.path)
        torn = f"{self.path}: {len(content) - sound} bytes of an unfinished record {len(lines) + 1} are ignored"
        return LedgerContents(tuple(line.record for line in lines), torn if sound < len(content) else None)


@dataclass(frozen=True)
class _Line:
    record: Trial
    chain: str


def _line(record: Trial, previous: str) -> bytes:
    plain = to_plain(record)
    body = json.dumps(plain, sort_keys=True, allow_nan=False)
    entry = {"chain": _chain(body, previous), "crc32": f"{zlib.crc32(body.encode()):08x}", "record": plain}
    return json.dumps(entry, sort_keys=True, allow_nan=False).encode() + b"\n"


def _chain(body: str, previous: str) -> str:
    return hashlib.sha256(previous.encode() + body.encode()).hexdigest()


def _parse(content: bytes, path: Path) -> tuple[list[_Line], int]:
    """Records in order, and how many leading bytes of the content they take."""
    *complete, rest = content.split(b"\n")
    raw_lines = [raw + b"\n" for raw in complete] + ([rest] if rest else [])
    lines: list[_Line] = []
    sound = 0
    for number, raw in enumerate(raw_lines, start=1):
        try:
            lines.append(_checked_line(raw, lines[-1].chain if lines else _START, number))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            if _is_cut_short(raw):
                break
            raise IntegrityError(
                f"{path}:{number}: not the line that was written ({error}). Restore the ledger from a copy; if there "
                "is none, move it away, and say in the report that earlier trials are not counted."
            ) from error
        sound += len(raw)
    return lines, sound


def _checked_line(raw: bytes, previous: str, number: int) -> _Line:
    entry = json.loads(raw)
    record = from_plain(Trial, entry["record"])
    body = json.dumps(to_plain(record), sort_keys=True)
    if entry["crc32"] != f"{zlib.crc32(body.encode()):08x}":
        raise ValueError("its CRC-32 does not match")
    if record.sequence != number or entry["chain"] != _chain(body, previous):
        raise ValueError("it does not continue the line before it")
    if raw.rstrip(b"\n") != _line(record, previous).rstrip(b"\n"):
        raise ValueError("its bytes differ from what its record renders to")
    return _Line(record, entry["chain"])


def _is_cut_short(raw: bytes) -> bool:
    """Whether the bytes are the beginning of a line, possibly padded with zeros, as a crash leaves them."""
    text = raw.rstrip(b"\0")
    if raw.endswith(b"\n") or not text.isascii() or not (text == b"" or text.startswith(b"{")):
        return False
    try:
        json.JSONDecoder().raw_decode(text.decode())
    except ValueError:
        return True
    return False  # the object is whole, so what follows it or what it says was changed
