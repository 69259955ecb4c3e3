"""How a large pair is worked on: some hundred rows at a time."""

STRIP_ROWS = 192


def strips(height: int) -> list[tuple[int, int]]:
    """Cut rows into strips (first row, last row + 1)."""
    return [(top, min(top + STRIP_ROWS, height)) for top in range(0, height, STRIP_ROWS)]
