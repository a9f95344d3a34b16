"""`adt play`: set the threshold yourself, and see how well it went."""

from adt_gym.experiments.play import Game, PlaySettings
from adt_gym.report.progress import console
from adt_gym.report.tables import table
from adt_gym.scripts.options import takes


@takes
def play(settings: PlaySettings) -> None:
    """Set the threshold with the keys, window by window, and be held against persistence and a static threshold.

    The picture shows the score, the threshold and the label of every window judged; the next one is yours.
    """
    game = Game(settings)
    console.print(game.rules, soft_wrap=True)
    console.print(table(game.play(), f"{game.episode.name}, the windows that you judged and the first two"))
