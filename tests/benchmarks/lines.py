"""Lines over a few points, as a picture for the documentation; the upright axis is logarithmic."""

from collections.abc import Mapping, Sequence
from html import escape
from math import ceil, floor, log10

from tests.benchmarks.stacked import COLOURS

Lines = Mapping[str, Sequence[tuple[float, float]]]
"""For each line its points: across and upright, both above 0."""
LEFT, RIGHT, TOP, BOTTOM = 70.0, 690.0, 50.0, 270.0


def lines_svg(data: Lines, title: str, across: str) -> str:
    """Return the lines as an SVG picture; points stand evenly apart, whatever lies between them."""
    columns = sorted({x for points in data.values() for x, _ in points})
    values = [y for points in data.values() for _, y in points]
    low, high = floor(log10(min(values))), ceil(log10(max(values)))
    step = (RIGHT - LEFT - 60) / max(1, len(columns) - 1)

    def place(x: float, y: float) -> tuple[float, float]:
        share = (log10(y) - low) / max(1, high - low)
        return LEFT + 30 + step * columns.index(x), BOTTOM - share * (BOTTOM - TOP)

    parts = [f'<text x="10" y="24" class="t">{escape(title)}</text>']
    for power in range(low, high + 1):
        height = place(columns[0], 10.0**power)[1]
        parts.append(f'<path d="M{LEFT} {height:.1f}H{RIGHT}" stroke="#ddd"/>')
        parts.append(f'<text x="10" y="{height + 4:.1f}">{10.0**power:g}</text>')
    parts += [f'<text x="{place(x, 10.0**low)[0]:.1f}" y="292">{x:g}</text>' for x in columns]
    parts.append(f'<text x="{LEFT}" y="312">{escape(across)}</text>')
    for index, (colour, (name, points)) in enumerate(zip(COLOURS[::2], data.items(), strict=False)):
        places = [place(x, y) for x, y in points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"><title>{escape(name)}: {value:g}</title></circle>'
            for (x, y), (_, value) in zip(places, points, strict=True)
        ]
        parts.append(f'<rect x="{LEFT + 205 * index}" y="326" width="12" height="12" fill="{colour}"/>')
        parts.append(f'<text x="{LEFT + 205 * index + 18}" y="337">{escape(name)}</text>')
    style = (
        "<style>text{font:13px sans-serif}.t{font-weight:bold}</style><rect width='100%' height='100%' fill='white'/>"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="720" height="350" role="img">{style}{"".join(parts)}</svg>\n'
    )
