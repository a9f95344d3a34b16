"""The colours of methods: by position, as many as are needed; each can be read on white and on near black."""

import colorsys

FIRST = (
    "#3e7bfa", "#e8710a", "#c2255c", "#12a150", "#8e5be8", "#0c9db0", "#b58900", "#868e96", "#8c6d5a", "#5c7a29",
    "#4c6ef5",
)  # fmt: skip

GOLDEN = 0.618034
"""Of a turn: hues so far apart lie far from each other, however many there are."""


def colour(position: int) -> str:
    """Return the colour of the method at that position of a table."""
    if position < len(FIRST):
        return FIRST[position]
    turn = position - len(FIRST)
    lightness = (0.42, 0.5, 0.58)[turn % 3]
    return "#" + "".join(f"{round(255 * one):02x}" for one in colorsys.hls_to_rgb(GOLDEN * turn % 1, lightness, 0.55))
