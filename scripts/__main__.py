"""The console command `adt`."""

from adt_gym.scripts.signals import ended_by_signals, ending_at_once

with ending_at_once():
    import sys
    import warnings
    from typing import Any

    import typer
    from rich.console import Console
    from rich.markup import escape
    from typer.core import TyperGroup

    from adt_gym.report.progress import keep_tables_whole
    from adt_gym.report.source import in_options
    from adt_gym.scripts.benchmark import benchmark
    from adt_gym.scripts.classify import classify
    from adt_gym.scripts.compare_scorers import compare_scorers
    from adt_gym.scripts.datasets import datasets
    from adt_gym.scripts.evaluate import evaluate
    from adt_gym.scripts.figures import figures
    from adt_gym.scripts.frontier import frontier
    from adt_gym.scripts.leaderboard import leaderboard
    from adt_gym.scripts.options import SeveralWords
    from adt_gym.scripts.report import report
    from adt_gym.scripts.reproduce import reproduce
    from adt_gym.scripts.run import run
    from adt_gym.scripts.score import score
    from adt_gym.scripts.sweep import sweep
    from adt_gym.scripts.train import train
    from adt_gym.scripts.zoo import zoo
    from adt_gym.series import InputError


class Commands(TyperGroup):
    """Commands whose expected errors are one line, not a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; say what is wrong with its input and how to mend it, and exit with 2.

        Ctrl-C and the signal to end are one line too, with the exit code of the shell: 128 and the signal's number.
        """
        warnings.showwarning = lambda message, *_, **__: _say("yellow", "Warning", message)
        keep_tables_whole()
        with ended_by_signals():
            try:
                return super().invoke(ctx)
            except (InputError, OSError) as error:
                _say("red", "Error", in_options(str(error)))
                sys.exit(2)


class App(typer.Typer):
    """An app that signals end without a traceback, also while it puts its commands together."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run it."""
        with ending_at_once():
            return super().__call__(*args, **kwargs)


def _say(colour: str, kind: str, message: object) -> None:
    stderr = Console(stderr=True, highlight=False, soft_wrap=True)
    stderr.print(f"[bold {colour}]{kind}:[/] {escape(str(message))}")


app = App(
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Thresholds for anomaly detection: train agents, compare methods, tell who saw labels.",
)
for command in (run, score, compare_scorers, train, evaluate, reproduce, sweep, report, figures, classify, datasets):
    app.command()(command)
app.command(cls=SeveralWords)(frontier)
app.add_typer(benchmark, name="benchmark")
app.add_typer(leaderboard, name="leaderboard")
app.add_typer(zoo, name="zoo")

if __name__ == "__main__":
    app()
