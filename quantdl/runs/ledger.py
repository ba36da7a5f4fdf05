"""The ledger of trials: one line for every run that was tried, appended and never changed.

How good the best of many trials looks depends on how many there were, so the ledger must not forget one. Each line is
a JSON object with the record, its CRC-32 and a SHA-256 that continues the one of the line before: a changed, removed or
reordered line breaks the chain. A line that a crash cut short was never acknowledged; it is reported, and removed by
the next append. Any other damage is an IntegrityError.

What is counted together:

* *The same trial*: identical config, data, seed and code (`trial_hash`). It counts once, however often it is run.
* *The same data*: the same fingerprint, or the same origin (declared source, calendar and length of a bar), whatever
  the vintage and whichever assets were taken; and a span that shares a session. Dropping an asset, a day or yesterday's
  vintage does not begin a new count.
* *The same idea*: the same words of the plan's hypothesis, whatever the capitals and spaces (`idea_hash`). The variance
  of Sharpe ratios is taken across the trials of one idea. Another wording is another idea, so all trials on the same
  data are counted beside it, whichever their idea.
"""

import hashlib
import json
import math
import time
import zlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal

from quantdl.disk import Appending, appending, disk_errors, read_under_lock
from quantdl.errors import IntegrityError, RunError
from quantdl.records import OMIT_DEFAULT, reader_of, to_plain

LEDGER = "ledger.jsonl"
"""Name of the ledger of trials, beside the run folders."""

_NOT_RECORDED = "The trial was not recorded."
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
        purpose: A ``run`` is a trial of a strategy (a backtest without a folder too), a ``search`` a fit that is
            compared with others on the validation span; an ``evaluation`` scores forecasts, which is a look at the span
            but no trial that a Sharpe ratio could be chosen from.
    """

    first: date
    last: date
    purpose: Literal["run", "search", "evaluation"] = "run"

    def overlaps(self, other: "Look") -> bool:
        """Whether the two share a session."""
        return self.first <= other.last and other.first <= self.last


@dataclass(frozen=True)
class ReturnsColumn:
    """Where the returns of a trial are kept, see `quantdl.runs.returns`.

    Attributes:
        sha256: Of the file, whose name it is.
        column: Position in the file, which may hold the returns of many trials over the same bars.
    """

    sha256: str
    column: int = field(default=0, metadata=OMIT_DEFAULT)


@dataclass(frozen=True)
class Entry:
    """What is to be recorded of a trial.

    Attributes:
        trial: Hash of config, data, seed and code, from `trial_hash`; identical ones are one trial.
        data: Fingerprint of the data.
        run: Identifier of the run folder, or what was done where there is none.
        figures: Sharpe ratio of the test span, or None when it is undefined.
        reason: Why ``figures`` is None, else empty.
        look: What was looked at.
        origin: What the data are of: declared source, calendar and length of a bar.
        idea: From `idea_hash`.
        returns: Where the returns of the span are kept; None where they are not.

    Raises:
        ValueError: If there are neither figures nor a reason.
    """

    trial: str
    data: str
    run: str
    figures: PeriodSharpe | None
    reason: str = ""
    look: Look | None = None
    origin: str = ""
    idea: str = ""
    returns: ReturnsColumn | None = None

    def __post_init__(self) -> None:
        if self.figures is None and not self.reason:
            raise ValueError("a trial without figures needs a reason.")


@dataclass(frozen=True)
class Trial:
    """One line of the ledger: an `Entry` with its number and time. Lines that are older than a field lack it.

    Attributes:
        sequence: 1, 2, 3, ...: the order of trials, whatever the clock said.
        trial: See `Entry`, as the other fields.
        data: See `Entry`.
        run: See `Entry`.
        time: UTC, ISO 8601, by the clock of the machine.
        figures: See `Entry`.
        reason: See `Entry`.
        look: See `Entry`; a line without it is of a run over any span.
        origin: See `Entry`; a line without it shares data by the fingerprint alone.
        idea: See `Entry`; a line without it counts for every idea.
        returns: See `Entry`.
    """

    sequence: int
    trial: str
    data: str
    run: str
    time: str
    figures: PeriodSharpe | None
    reason: str
    look: Look | None = field(default=None, metadata=OMIT_DEFAULT)
    origin: str = field(default="", metadata=OMIT_DEFAULT)
    idea: str = field(default="", metadata=OMIT_DEFAULT)
    returns: ReturnsColumn | None = field(default=None, metadata=OMIT_DEFAULT)

    @property
    def is_run(self) -> bool:
        """Whether a strategy was tried, or a fit compared with others, and not only forecasts scored."""
        return self.look is None or self.look.purpose != "evaluation"

    def shares_data(self, other: "Trial") -> bool:
        """Whether the two looked at the same data in a session that they share; see above what counts as the same."""
        alike = self.data == other.data or (self.origin != "" and self.origin == other.origin)
        return alike and (self.look is None or other.look is None or self.look.overlaps(other.look))

    def shares_idea(self, other: "Trial") -> bool:
        """Whether the two try the same hypothesis."""
        return self.idea == other.idea or "" in (self.idea, other.idea)


@dataclass(frozen=True)
class LedgerContents:
    """What a ledger holds.

    Attributes:
        records: All lines, in order.
        torn: What was found of a line that a crash cut short, described; None when the ledger ends cleanly.
    """

    records: tuple[Trial, ...]
    torn: str | None

    def distinct(self) -> tuple[Trial, ...]:
        """The trials, each once: its first record."""
        first: dict[str, Trial] = {}
        for record in self.records:
            if record.is_run:
                first.setdefault(record.trial, record)
        return tuple(first.values())

    def looks(self, own: Trial) -> int:
        """How often outcomes of the data and the span of a record, or of part of it, were looked at, with its own look.

        Runs and evaluations count, the same config, data, seed and code once. A line that does not say its span counts.
        """
        return len({record.trial for record in self.records if record.shares_data(own)})


def idea_hash(hypothesis: str) -> str:
    """Identify an idea by the words of its hypothesis; capitals, spaces and line breaks do not count.

    Example:
        >>> idea_hash("Momentum pays.") == idea_hash("momentum  pays.") != idea_hash("Reversal pays.")
        True
    """
    return hashlib.sha256(" ".join(hypothesis.split()).casefold().encode()).hexdigest()


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
        >>> figures = PeriodSharpe(0.05, 1000, 0.0, 3.0)
        >>> ledger.append(Entry("4e1f", "sha256:1", "01HF7YAT000000000000000000", figures)).sequence
        1
        >>> len(ledger.read().distinct())
        1
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self.path = Path(path)
        self._clock = clock
        self._end = _NOWHERE

    def append(self, entry: Entry) -> Trial:
        """Record a trial; when this returns, it is on the disk. Raises as `append_all`."""
        return self.append_all([entry])[0]

    def append_all(self, entries: Iterable[Entry]) -> tuple[Trial, ...]:
        """Record many trials, such as those of a sweep, at the cost of one; when this returns, all are on the disk.

        After a crash or a kill before that, any number of them, from the first on, may be found. What another process
        appended since this object last looked is checked first, and what was there before is not read again: `read`
        does that.

        Raises:
            RunError: If the disk refuses; the ledger is as before.
            IntegrityError: If the ledger is damaged.
        """
        given = tuple(entries)
        if not given:
            return ()
        is_known = self._end is not _NOWHERE
        with disk_errors(self.path, _NOT_RECORDED), appending(self.path, force_name=not is_known) as file:
            end = self._checked_end(file)
            records, lines, chain = [], [], end.chain
            for number, entry in enumerate(given, start=end.count + 1):
                records.append(_numbered(entry, number, self._clock()))
                line, chain = _line(records[-1], chain)
                lines.append(line)
            addition = b"\n" * end.lacks_newline + b"".join(lines)
            file.extend(end.size, addition)
            self._end = _End(end.size + len(addition), end.count + len(given), chain, lines[-1])
        return tuple(records)

    def _checked_end(self, file: Appending) -> "_End":
        """Where the file ends, cut-short lines left out; only what follows the end that is known is read and checked.

        That nothing else was put in the file's place is seen by the last line that is known.
        """
        known = self._end
        start = known.size - len(known.line)
        if known.size and file.read(start)[: len(known.line)] == known.line:
            with suppress(IntegrityError):  # found anew, with its place, when all is read
                return _end_of(file.read(known.size), self.path, known)
        return _end_of(file.read(), self.path, _NOWHERE)

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
        lines, sound = _parse(content, self.path, _NOWHERE)
        torn = f"{self.path}: {len(content) - sound} bytes of an unfinished record {len(lines) + 1} are ignored"
        return LedgerContents(tuple(line.record for line in lines), torn if sound < len(content) else None)


@dataclass(frozen=True)
class _Line:
    record: Trial
    chain: str


@dataclass(frozen=True)
class _End:
    """Where a ledger ends: its bytes, records, the chain so far and the last line as it stands there."""

    size: int
    count: int
    chain: str
    line: bytes

    @property
    def lacks_newline(self) -> bool:
        return self.size > 0 and not self.line.endswith(b"\n")


_NOWHERE = _End(0, 0, _START, b"")


def _end_of(content: bytes, path: Path, after: _End) -> _End:
    """The end of a ledger that goes on with ``content`` after an end that is known."""
    if after.lacks_newline and content.startswith(b"\n"):
        after, content = _End(after.size + 1, after.count, after.chain, after.line + b"\n"), content[1:]
    lines, sound = _parse(content, path, after)
    if not lines:
        return after
    last = content[:sound].rstrip(b"\n").rfind(b"\n") + 1
    return _End(after.size + sound, after.count + len(lines), lines[-1].chain, content[last:sound])


def _numbered(entry: Entry, number: int, clock: float) -> Trial:
    now = datetime.fromtimestamp(clock, UTC).isoformat(timespec="seconds")
    return Trial(
        sequence=number,
        trial=entry.trial,
        data=entry.data,
        run=entry.run,
        time=now,
        figures=entry.figures,
        reason=entry.reason,
        look=entry.look,
        origin=entry.origin,
        idea=entry.idea,
        returns=entry.returns,
    )


def _line(record: Trial, previous: str) -> tuple[bytes, str]:
    """The line of a record after one with the chain ``previous``, and its own chain."""
    body = json.dumps(to_plain(record), sort_keys=True, allow_nan=False).encode()
    chain = _chain(body, previous)
    return _around(chain, body) % body, chain


def _around(chain: str, body: bytes) -> bytes:
    """What stands around the record in its line: JSON with its keys in order, as all of the line."""
    return b'{"chain": "%s", "crc32": "%08x", "record": %%s}\n' % (chain.encode(), zlib.crc32(body))


def _chain(body: bytes, previous: str) -> str:
    return hashlib.sha256(previous.encode() + body).hexdigest()


_TRIAL = reader_of(Trial)
_BEFORE = len(_around(_START, b"")) - len(b"%s}\n")  # bytes of a line before its record


def _parse(content: bytes, path: Path, after: _End) -> tuple[list[_Line], int]:
    """Records in order, those that go on after a known end, and how many leading bytes of the content they take."""
    *complete, rest = content.split(b"\n")
    raw_lines = [raw + b"\n" for raw in complete] + ([rest] if rest else [])
    lines: list[_Line] = []
    sound, chain = 0, after.chain
    for number, raw in enumerate(raw_lines, start=after.count + 1):
        try:
            lines.append(_checked_line(raw, chain, number))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            if _is_cut_short(raw):
                break
            raise IntegrityError(
                f"{path}:{number}: not the line that was written ({error}). Restore the ledger from a copy; if there "
                "is none, move it away, and say in the report that earlier trials are not counted."
            ) from error
        sound += len(raw)
        chain = lines[-1].chain
    return lines, sound


def _checked_line(raw: bytes, previous: str, number: int) -> _Line:
    line = raw.removesuffix(b"\n")
    body = line[_BEFORE:-1]
    chain = _chain(body, previous)
    if line != _around(line[11:75].decode(), body).rstrip(b"\n") % body:
        raise ValueError("its CRC-32 does not match")
    record = _TRIAL(json.loads(body))
    if record.sequence != number or line != _around(chain, body).rstrip(b"\n") % body:
        raise ValueError("it does not continue the line before it")
    return _Line(record, chain)


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
