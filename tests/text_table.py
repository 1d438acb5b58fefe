"""Tables as the provings print them: the first column to the left, figures to the right."""

from collections.abc import Sequence

Cells = Sequence[str]


def text_table(heads: Sequence[Cells], rows: Sequence[Cells]) -> str:
    """Return the lines of a table; every line has as many cells."""
    widths = [max(map(len, column)) for column in zip(*heads, *rows, strict=True)]
    return "\n".join(_line(cells, widths) for cells in [*heads, ["-" * width for width in widths], *rows])


def _line(cells: Cells, widths: Sequence[int]) -> str:
    (first, *figures), (width, *others) = cells, widths
    right = (figure.rjust(space) for figure, space in zip(figures, others, strict=True))
    return "  ".join([first.ljust(width), *right]).rstrip()
