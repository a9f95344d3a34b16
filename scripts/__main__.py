"""The console command `adt`."""

from adt_gym.scripts.signals import ended_by_signals, ending_at_once

with ending_at_once():
    import sys
    import warnings
    from typing import Any

    from adt_gym.extras import MissingExtra
    from adt_gym.scripts.commands import COMMANDS, check, load, summary

    try:
        check(sys.argv[1:])
    except MissingExtra as error:
        sys.exit(f"Error: {error}")

    import typer
    from rich.console import Console
    from rich.markup import escape
    from typer.core import TyperCommand, TyperGroup

    from adt_gym.report.progress import keep_tables_whole
    from adt_gym.report.source import in_options
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


class LateCommands(Commands):
    """The commands of a table, each imported only when it is called: most need libraries that others do without."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return their names."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> TyperCommand | None:
        """Return what the help shows of a command."""
        return TyperCommand(cmd_name, help=summary(cmd_name)) if cmd_name in COMMANDS else None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that the words call."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, load(name) if name in COMMANDS else command, rest


class App(typer.Typer):
    """An app that signals end without a traceback, also while it puts its commands together."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run it."""
        with ending_at_once():
            return super().__call__(*args, **kwargs)


def _say(colour: str, kind: str, message: object) -> None:
    stderr = Console(stderr=True, highlight=False, soft_wrap=True)
    stderr.print(f"[bold {colour}]{kind}:[/] {escape(str(message))}")


app = App(cls=LateCommands, no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def adt() -> None:
    """Thresholds for anomaly detection: train agents, compare methods, tell who saw labels."""


if __name__ == "__main__":
    app()
