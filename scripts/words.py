"""Options that take several words."""

from typing import Any

from typer.core import TyperCommand


class SeveralWords(TyperCommand):
    """A command whose repeatable options also take several words: ``--delays 1 10`` is ``--delays 1 --delays 10``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Repeat such an option before every word that follows it."""
        repeatable = {name for one in self.params if getattr(one, "multiple", False) for name in one.opts}
        spread: list[str] = []
        option, filled = "", False
        for word in args:
            if word.startswith("--"):
                option, equals, _ = word.partition("=")
                filled = bool(equals)
            elif option in repeatable:
                spread += [option] if filled else []
                filled = True
            spread.append(word)
        return super().parse_args(ctx, spread)
