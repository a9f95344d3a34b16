"""`adt watch CONFIG`: a threshold over live metrics that raises alerts, hears what was false and survives restarts."""

import logging
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from adt_gym.checks import InputError
from adt_gym.live.config import load, templates
from adt_gym.live.points import Shard
from adt_gym.live.service import watch as serve


def watch(
    config: Annotated[Path, typer.Argument(help="the TOML file that says what is watched and how")],
    init: Annotated[bool, typer.Option("--init", help="write a commented config to that file instead")] = False,
    template: Annotated[str, typer.Option(help=f"what --init writes: {', '.join(templates())}")] = "watch",
    shard: Annotated[str, typer.Option(metavar="N/OF", help="watch this share of the series only")] = "1/1",
) -> None:
    """Watch metrics until Ctrl-C; the next start goes on where this one ended, however it ended.

    Decisions, labels and alerts are in the file that the config calls its state.
    """
    stderr = Console(stderr=True, highlight=False, soft_wrap=True)  # standard output may be a sink
    if init:
        known = templates()
        if template not in known:
            raise InputError(f"there is no template {template!r}; there are {', '.join(known)}")
        config.parent.mkdir(parents=True, exist_ok=True)
        try:
            with config.open("x", encoding="utf-8") as file:
                file.write(known[template].read_text(encoding="utf-8"))
        except FileExistsError as error:
            raise InputError(f"{config} is there, and is never replaced: name another file") from error
        stderr.print(f"{config} is written: say there what is watched, then adt watch {config}", markup=False)
        return
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    for chatty in ("httpx", "httpcore"):  # a line for every request, and its address may hold a secret
        logging.getLogger(chatty).setLevel(logging.WARNING)
    rules = load(config)
    serve(rules, Shard.parse(shard), lambda address: stderr.print(f"the page is at {address}", markup=False))
    stderr.print(f"stopped; {rules.path(rules.service.state)} holds all, and the next start goes on", markup=False)
