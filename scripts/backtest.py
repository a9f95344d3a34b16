"""`adt backtest CONFIG`: what adt watch would have done with points that are known already."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer

from adt_gym.experiments.cells import results, run_cells
from adt_gym.extras import require
from adt_gym.folders import own_file, own_folder
from adt_gym.live.backtest import Task, Told, packed_backtest, unpacked_outcome
from adt_gym.live.backtested import FILES, merged, publish
from adt_gym.live.config import load
from adt_gym.live.moments import moment, now
from adt_gym.live.points import Shard
from adt_gym.report.progress import console
from adt_gym.report.run import write_report
from adt_gym.scripts.options import CORES, Jobs
from adt_gym.series import InputError
from adt_gym.written import digest_of


def backtest(
    config: Annotated[Path, typer.Argument(help="the TOML file that adt watch takes")],
    start: Annotated[str | None, typer.Option(help="ISO 8601 with a zone, or seconds since 1970")] = None,
    end: Annotated[str | None, typer.Option(help="by default now, or the end of the file")] = None,
    file: Annotated[Path | None, typer.Option(help="CSV, Parquet or NDJSON instead of the config's source")] = None,
    labels: Annotated[
        Path | None, typer.Option(help="CSV of series,start,end,verdict: what is known to be true")
    ] = None,
    feedback: Annotated[
        Literal["alerts", "full", "none"] | None,
        typer.Option(help="what is assumed to be told; by default model.feedback"),
    ] = None,
    label_delay: Annotated[
        int | None, typer.Option(min=1, max=10**6, help="windows after which it is; by default model.label_delay")
    ] = None,
    shards: Annotated[int, typer.Option(min=1, max=1024, help="shares that the series are dealt into")] = 1,
    jobs: Jobs = CORES,
    ray: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="run shards on Ray: auto, host:port, ray://host:port")
    ] = None,
    out: Annotated[Path, typer.Option(help="folder of the results")] = Path("runs/backtest"),
) -> None:
    """Replay what adt watch would have done: how often it would have fired, and with labels what that is worth.

    Shards that were finished before are not done again.
    """
    rules = load(config)
    for path in (file, labels):
        if path is not None and not path.exists():
            raise FileNotFoundError(f"{path} is not there")
    if file is not None:
        rules = replace(rules, source=replace(rules.source, kind="file", path=str(file.resolve())))
    elif rules.source.kind == "file":
        file = rules.path(rules.source.path)
    elif rules.source.kind == "stdin":
        raise InputError("standard input cannot be replayed: name a --file")
    elif start is None:
        raise InputError("say with --start since when, such as 2024-01-31T00:00:00Z")
    if labels is not None:
        require("adt backtest --labels", "aeon", "scipy")
    since = None if start is None else moment(start)
    until = None if end is None and since is None else now() if end is None else moment(end)
    if since is not None and until is not None and until <= since:
        raise InputError("--end must come after --start")
    data = "".join(digest_of(one) for one in (file, labels) if one is not None and one.is_file())
    task = Task(
        rules,
        Told(labels, feedback or rules.model.feedback, label_delay or rules.model.label_delay),
        since,
        until,
        data=data,
    )
    tasks = [replace(task, shard=Shard(number, shards)) for number in range(1, shards + 1)]
    with own_folder(out, "backtest", FILES) as folder:
        outcomes = run_cells(
            folder, tasks, packed_backtest, 0 if shards == 1 and ray is None else jobs, ray=ray, title="shards"
        )
        outcome = merged([unpacked_outcome(one) for one in results(outcomes)])
        publish(task, outcome, folder)
    if outcome.series:
        with own_file(out / "report.html", "report") as temporary:
            write_report(temporary, [out])
    console.print(f"alerts, series, hours and the report are in {out}", soft_wrap=True)
