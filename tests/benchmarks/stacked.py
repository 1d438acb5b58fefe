"""Bars of what a time is made of: for the terminal, and as a picture for the documentation."""

from collections.abc import Mapping
from html import escape

WIDTH = 60
FILLS = "█▓▒░▚▞▤"
COLOURS = ("#4c78a8", "#9ecae9", "#f58518", "#ffbf79", "#54a24b", "#88d27a", "#b279a2")

Bars = Mapping[str, Mapping[str, float]]
"""For each bar its segments, in order, with their seconds."""


def bars(data: Bars) -> str:
    """Return the bars as text, all to one scale, with a legend of each segment's seconds."""
    longest = max((sum(segments.values()) for segments in data.values()), default=0.0)
    lines: list[str] = []
    for name, segments in data.items():
        if not segments:
            continue
        fills = zip(FILLS, segments.values(), strict=False)
        bar = "".join(fill * round(seconds / longest * WIDTH) for fill, seconds in fills)
        legend = ", ".join(
            f"{fill} {segment} {seconds:.2f}" for fill, (segment, seconds) in zip(FILLS, segments.items(), strict=False)
        )
        lines += [f"{name:<10}{bar} {sum(segments.values()):.2f} s", f"{'':<10}{legend}"]
    return "\n".join(lines)


def svg(data: Bars, title: str) -> str:
    """Return the bars as an SVG picture."""
    shown = {name: segments for name, segments in data.items() if segments}
    scale = 520 / max(sum(segments.values()) for segments in shown.values())
    parts = [f'<text x="10" y="24" class="t">{escape(title)}</text>']
    for row, (name, segments) in enumerate(shown.items()):
        top, left = 44 + 34 * row, 110.0
        parts.append(f'<text x="10" y="{top + 16}">{escape(name)}</text>')
        for colour, (segment, seconds) in zip(COLOURS, segments.items(), strict=False):
            width = seconds * scale
            tip = f"<title>{escape(segment)}: {seconds:.2f} s</title>"
            parts.append(f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="24" fill="{colour}">{tip}</rect>')
            left += width
        parts.append(f'<text x="{left + 6:.1f}" y="{top + 16}">{sum(segments.values()):.2f} s</text>')
    bottom = 44 + 34 * len(shown) + 12
    for index, (colour, segment) in enumerate(zip(COLOURS, next(iter(shown.values())), strict=False)):
        x, y = 10 + 175 * (index % 4), bottom + 22 * (index // 4)
        parts.append(f'<rect x="{x}" y="{y}" width="12" height="12" fill="{colour}"/>')
        parts.append(f'<text x="{x + 18}" y="{y + 11}">{escape(segment)}</text>')
    style = (
        "<style>text{font:13px sans-serif}.t{font-weight:bold}</style><rect width='100%' height='100%' fill='white'/>"
    )
    size = f'width="720" height="{bottom + 56}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{style}{"".join(parts)}</svg>\n'
