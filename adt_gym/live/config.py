"""What `adt watch` and `adt backtest` are told, in one TOML file; ``watch.toml`` beside this one explains every key."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from ipaddress import ip_address
from pathlib import Path
from typing import Any, ClassVar, Literal

from adt_gym import scoring, thresholds
from adt_gym.checks import InputError, number, one_of, shown, whole
from adt_gym.reading import as_dataclass
from adt_gym.scoring.votes import votes_needed
from adt_gym.stream.feedback import KINDS

UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}

_LOCAL = {"localhost", "127.0.0.1", "::1"}


def seconds(words: str) -> float:
    """Return the seconds of a duration such as ``30s``, ``5m``, ``1h``, ``7d`` or ``0s``.

    Raises:
        InputError: If it is none.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)", words)
    if not found:
        raise InputError(f"a duration is one such as 30s, 5m, 1h or 7d, got {shown(words)}")
    return float(found[1]) * UNITS[found[2]]


def milliseconds(words: str) -> int:
    """Return the milliseconds of a duration; see `seconds`."""
    return round(1000 * seconds(words))


def _at(name: str, check: Any, *values: Any) -> None:
    """Call a check whose error does not know the name of what it is about."""
    try:
        check(*values)
    except InputError as error:
        raise InputError(f"{name}: {error}") from error


class _Checked:
    """A part of the config; its fields named in ``durations`` are such."""

    durations: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        for name in self.durations:
            _at(name, seconds, getattr(self, name))


@dataclass(frozen=True)
class Service(_Checked):
    """The process.

    Args:
        state: The file that keeps everything; beside the config unless the path is absolute.
        listen: Address and port of page, labels and metrics.
        token_file: Holds the token that a client must show: always where the address is not this machine's own.
        link: How links to the page begin; what ``listen`` says by default.
        keep: How long points and decisions are kept.
    """

    state: str = "adt-watch.sqlite"
    listen: str = "127.0.0.1:8428"
    token_file: str = ""
    link: str = ""
    keep: str = "14d"
    durations: ClassVar = ("keep",)

    def __post_init__(self) -> None:
        super().__post_init__()
        host, colon, port = self.listen.rpartition(":")
        if not colon or not host or not port.isdecimal() or int(port) > 65535:
            raise InputError(f"listen must be an address and a port such as 127.0.0.1:8428, got {shown(self.listen)}")
        if not self.token_file and not self.local:
            raise InputError(
                f"listen: {self.host} is open to other machines; name a token_file, or listen on 127.0.0.1"
            )

    @property
    def host(self) -> str:
        """The address, an IPv6 one without its brackets."""
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """The port."""
        return int(self.listen.rpartition(":")[2])

    @property
    def local(self) -> bool:
        """Whether nobody but this machine can reach it."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host in _LOCAL

    @property
    def address(self) -> str:
        """How links to the page begin."""
        return self.link.rstrip("/") or f"http://{self.listen}"


@dataclass(frozen=True)
class Source(_Checked):
    """Where points come from.

    Args:
        kind: "prometheus", "file" or "stdin".
        step: The time between two points of a series.
        past: How much of what came before is learned from; of a file, its first part.
        min_past: Windows that are there at least before a series is judged.
        url: Of Prometheus.
        timeout: Of one request.
        offset: How far behind the clock Prometheus is asked, so that late samples are in.
        backfill: How far back is asked for what was missed.
        bearer_token_file, username, password_file, ca_file: How to get in.
        path: The file: CSV, Parquet or NDJSON.
        speed: Of a file: so many times as fast as it was measured; 0 for as fast as can be.
        counters: Columns that only ever rise; their rates per second are judged.
    """

    kind: Literal["prometheus", "file", "stdin"] = "prometheus"
    step: str = "1m"
    past: str = "1d"
    min_past: int = 100
    url: str = "http://127.0.0.1:9090"
    timeout: str = "10s"
    offset: str = "0s"
    backfill: str = "1h"
    bearer_token_file: str = ""
    username: str = ""
    password_file: str = ""
    ca_file: str = ""
    path: str = ""
    speed: float = 0.0
    counters: tuple[str, ...] = ()
    durations: ClassVar = ("step", "past", "timeout", "offset", "backfill")

    def __post_init__(self) -> None:
        super().__post_init__()
        if seconds(self.step) < UNITS["ms"]:
            raise InputError(f"step must be 1ms or longer, got {shown(self.step)}")
        whole("min_past", self.min_past, 2)
        number("speed", self.speed, 0.0)
        if self.kind == "file" and not self.path:
            raise InputError("path is missing: name the file to be replayed")
        if bool(self.username) != bool(self.password_file):
            raise InputError("username and password_file go together: give both or none")


@dataclass(frozen=True)
class Query:
    """What is watched of Prometheus; other sources bring their series along.

    Args:
        name: What the series of it are called.
        query: PromQL: every label set of its answer is a series.
        columns: PromQL by the name of a column: every label set that all have is a series of so many metrics.
        by: The labels by which the columns belong together; all by default.
    """

    name: str
    query: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    by: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z_][\w.:-]*", self.name):
            raise InputError(f"name must be a word such as cpu or node-1, got {shown(self.name)}")
        if bool(self.query) == bool(self.columns):
            raise InputError(f"query of {self.name!r}: give either query or columns")


@dataclass(frozen=True)
class Model(_Checked):
    """What judges.

    Args:
        scorers: Names of scorers (`adt_gym.scoring`): with the seeds they make the members, each of which judges alone.
        seeds: Of every scorer.
        window: tau, the points of a window.
        method: Name of a method (`adt_gym.thresholds`).
        run: A folder of `adt run` or `adt train`, whose scorer, and whose policy as the method "policy", are taken.
        feedback, label_delay: What the method expects to be told, and after how many windows.
        refit: How often the scorers learn anew; "0s" for never.
        scorer_options, method_options: More of their settings; of scorers by their name.
    """

    scorers: tuple[str, ...] = ("pca",)
    seeds: tuple[int, ...] = (0,)
    window: int = 10
    method: str = "pretrained"
    run: str = ""
    feedback: str = "alerts"
    label_delay: int = 60
    refit: str = "0s"
    scorer_options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    method_options: Mapping[str, Any] = field(default_factory=dict)
    durations: ClassVar = ("refit",)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.scorers or not self.seeds:
            raise InputError("scorers and seeds must not be empty")
        for name in self.scorers:
            _at("scorers", scoring.registry.__getitem__, name)
        _at("method", thresholds.registry.__getitem__, self.method)
        whole("window", self.window)
        one_of("feedback", self.feedback, KINDS)
        whole("label_delay", self.label_delay)
        for one in self.seeds:
            whole("seeds", one, 0)
        if unknown := sorted(set(self.scorer_options) - set(self.scorers)):
            raise InputError(f"scorer_options: {unknown[0]!r} is none of the scorers: {', '.join(self.scorers)}")

    @property
    def members(self) -> int:
        """How many judge."""
        return 1 if self.run else len(self.scorers) * len(self.seeds)


@dataclass(frozen=True)
class Tier:
    """A kind of alert.

    Args:
        severity: What it is called.
        votes: How many members must flag a window: "any", "majority", "strong" (two thirds), "all", "at_least(n)".
    """

    severity: str
    votes: str = "any"


@dataclass(frozen=True)
class Alerts(_Checked):
    """When windows become an alert, and when it ends.

    Args:
        minimum_duration: An alert is pending until it has been flagged for so long, and fires then.
        recovery: In (0, 1]: a firing alert stays up while the score is above this share of the threshold.
        keep_firing: An alert ends once nothing was up for so long.
        max_per_day: Alerts that may fire within a day, of all series together; 0 for no limit.
        stale: A series that is silent for so long, and two steps at least, has vanished, and its alerts end.
        tiers: From the least severe on.
    """

    minimum_duration: str = "0s"
    recovery: float = 1.0
    keep_firing: str = "5m"
    max_per_day: int = 0
    stale: str = "10m"
    tiers: tuple[Tier, ...] = (Tier("warning"),)
    durations: ClassVar = ("minimum_duration", "keep_firing", "stale")

    def __post_init__(self) -> None:
        super().__post_init__()
        number("recovery", self.recovery, 1e-6, 1.0)
        whole("max_per_day", self.max_per_day, 0)
        if not self.tiers or len({one.severity for one in self.tiers}) != len(self.tiers):
            raise InputError("tiers: give one or more, of different severities")


@dataclass(frozen=True)
class Sink(_Checked):
    """Where alerts go.

    Args:
        kind: "alertmanager", "webhook" or "lines" (NDJSON on standard output).
        url: Of Alertmanager, or what the webhook is posted to.
        template: Of the webhook's body: "json", or "slack" for what Slack and its likes take.
        bearer_token_file, ca_file: How to get in.
        timeout: Of one request.
        resend: How often Alertmanager is told again what fires.
    """

    kind: Literal["alertmanager", "webhook", "lines"]
    url: str = ""
    template: Literal["json", "slack"] = "json"
    bearer_token_file: str = ""
    ca_file: str = ""
    timeout: str = "10s"
    resend: str = "1m"
    durations: ClassVar = ("timeout", "resend")

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.kind == "lines") == bool(self.url):
            raise InputError(f"url of a {self.kind} sink: " + ("there is none" if self.url else "it is missing"))


@dataclass(frozen=True)
class Labels(_Checked):
    """Where labels come from, beside the page and ``POST /labels``.

    Args:
        alertmanager: The address of the one whose silences are read; "" for none.
        incidents: A CSV file of series, start, end and verdict, which is read again whenever it changes; "" for none.
        every: How often both are looked at.
    """

    alertmanager: str = ""
    incidents: str = ""
    every: str = "15s"
    durations: ClassVar = ("every",)


@dataclass(frozen=True)
class Config:
    """All of it.

    Args:
        folder: Where the file lies: relative paths begin there.
    """

    service: Service = Service()
    source: Source = Source()
    series: tuple[Query, ...] = ()
    model: Model = Model()
    alerts: Alerts = Alerts()
    sinks: tuple[Sink, ...] = ()
    labels: Labels = Labels()
    folder: Path = field(default=Path(), compare=False)

    def __post_init__(self) -> None:
        if self.source.kind == "prometheus" and not self.series:
            raise InputError("series is missing: say with [[series]] what is watched of Prometheus")
        if len({one.name for one in self.series}) != len(self.series):
            raise InputError("series: their names must differ")
        for one in self.alerts.tiers:
            _at("alerts.tiers", votes_needed, one.votes, self.model.members)

    @property
    def stale(self) -> int:
        """The milliseconds after which a series has vanished."""
        return max(milliseconds(self.alerts.stale), 2 * milliseconds(self.source.step))

    def path(self, name: str) -> Path:
        """Return a path of the config."""
        return self.folder / Path(name).expanduser()

    def path_if_named(self, name: str) -> Path | None:
        """Return a path of the config; None for ""."""
        return self.path(name) if name else None


def templates() -> dict[str, Path]:
    """Return the configs that come with the package, by name."""
    return {one.stem: one for one in sorted(Path(__file__).parent.glob("*.toml"))}


def load(path: str | Path) -> Config:
    """Read a config.

    Raises:
        FileNotFoundError: If it is no file.
        InputError: If a key is unknown or has a wrong value; the message names the line.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}, a config, is not there or is no file; adt watch --init {path} writes one")
    return parse(path.read_text(encoding="utf-8", errors="replace"), str(path), path.parent)


def parse(text: str, name: str = "the config", folder: Path = Path()) -> Config:
    """Return the config of a text; see `load`."""
    try:
        given = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{name}: {error}") from error
    kinds = {one.name: one for one in fields(Config) if one.name != "folder"}
    made: dict[str, Any] = {"folder": folder}
    for key, value in given.items():
        if key not in kinds:
            raise InputError(f"{name}, line {_line(text, key, 0)}: {key} is unknown; known: {', '.join(kinds)}")
        kind = _SEVERAL.get(key)
        parts = value if kind else [value]
        if not isinstance(parts, list):
            raise InputError(f"{name}, line {_line(text, key, 0)}: {key} must be written [[{key}]], once for each")
        kind = kind or type(kinds[key].default)
        found = [_part(kind, part, key, number, text, name) for number, part in enumerate(parts)]
        made[key] = tuple(found) if key in _SEVERAL else found[0]
    try:
        return Config(**made)
    except InputError as error:
        raise InputError(f"{name}: {error}") from error


_SEVERAL: dict[str, type[Any]] = {"series": Query, "sinks": Sink}


def _part(kind: type[Any], given: Any, table: str, number: int, text: str, name: str) -> Any:
    """Return a part of the config.

    Raises:
        InputError: If it is wrong; the message names the line.
    """
    try:
        return as_dataclass(kind, given, "")
    except InputError as error:
        what = str(error).removeprefix(": ")
        inner = re.match(r"tiers\[(\d+)\]\.?", what)
        key = re.match(r"\w*", what[inner.end() :] if inner else what)
        place = (f"{table}.tiers", int(inner[1])) if inner else (table, number)
        line = _line(text, *place, key[0] if key else "")
        raise InputError(f"{name}, line {line}: {table}.{what}") from error


def _line(text: str, table: str, number: int, key: str = "") -> int:
    """Return the line, from 1, of a key of the ``number``-th table of that name; of the table where it has none."""
    found, inside, seen = 1, False, -1
    for i, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[+\s*([\w.\"-]+)\s*\]", line):
            seen += header[1] == table
            inside = header[1] == table and seen == number
            if inside or (header[1].startswith(f"{table}.{key}") and key and seen in (-1, number)):
                found = i
        elif re.match(rf"\s*{re.escape(key or table)}\s*=", line) and (inside or not key):
            return i
    return found
