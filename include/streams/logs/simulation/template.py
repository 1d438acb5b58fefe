"""Texts with blanks that are filled anew for every event.

A blank is ``{name}`` or ``{name:argument}``; ``BLANKS`` lists them. A line of a trace that starts with ``?`` is left
out now and then, as real frames are from version to version.
"""

from collections.abc import Callable
from random import Random
from string import Formatter

from include.streams.logs.simulation.request import Request

Fill = Callable[[Random, Request], str]

OPTIONAL_LINE_SHARE = 0.7
"""How often a line marked with ``?`` is there."""


def _number(argument: str) -> Fill:
    low, high = (int(part) for part in argument.split("-"))
    span = high - low + 1
    return lambda rng, _: str(low + int(rng.random() * span))


def _line(argument: str) -> Fill:
    """A source line number, moved by the edits of a few versions."""
    base = int(argument)
    return lambda rng, _: str(base + int(rng.random() * 9))


def _hex(argument: str) -> Fill:
    digits = int(argument)
    return lambda rng, _: f"{rng.getrandbits(4 * digits):0{digits}x}"


def _pick(argument: str) -> Fill:
    choices = argument.split("|")
    return lambda rng, _: rng.choice(choices)


def _proxy(rng: Random, _: Request) -> str:
    """The suffix of a class that Spring made at run time."""
    if rng.getrandbits(1):
        return f"$$SpringCGLIB$${int(rng.random() * 4)}"
    return f"$$EnhancerBySpringCGLIB$${rng.getrandbits(32):08x}"


def _lambda(rng: Random, _: Request) -> str:
    """The name of a lambda's class in a JVM."""
    return f"$$Lambda${900 + int(rng.random() * 900)}/0x00007f{rng.getrandbits(40):010x}"


def _ip(rng: Random, _: Request) -> str:
    return f"10.42.{int(rng.random() * 8)}.{2 + int(rng.random() * 250)}"


_PLAIN: dict[str, Fill] = {
    "proxy": _proxy,
    "lambda": _lambda,
    "ip": _ip,
    "order": lambda _, request: request.order_number,
    "transaction": lambda _, request: request.transaction_number,
    "amount": lambda _, request: request.amount,
    "currency": lambda _, request: request.currency,
    "sku": lambda _, request: request.sku,
    "name": lambda _, request: request.customer.name,
    "email": lambda _, request: request.customer.email,
    "address": lambda _, request: request.customer.address,
    "customer": lambda _, request: request.customer.customer_id,
}
_WITH_ARGUMENT: dict[str, Callable[[str], Fill]] = {
    "int": _number,
    "line": _line,
    "hex": _hex,
    "pick": _pick,
}
BLANKS = (*_PLAIN, *_WITH_ARGUMENT)
"""The names of the blanks: facts of the request first, then those with an argument."""


def _parts(text: str) -> list[str | Fill]:
    parts: list[str | Fill] = []
    for literal, name, argument, _ in Formatter().parse(text):
        if literal:
            parts.append(literal)
        if name:
            parts.append(_WITH_ARGUMENT[name](argument or "") if argument else _PLAIN[name])
    return parts


class Template:
    """One text with blanks, parsed once.

    Raises:
        KeyError: the text names a blank that does not exist.
    """

    def __init__(self, text: str) -> None:
        self._parts = _parts(text)

    def render(self, rng: Random, request: Request) -> str:
        """Return the text with every blank filled."""
        return "".join([part if isinstance(part, str) else part(rng, request) for part in self._parts])


class Trace:
    """A stack trace with blanks and optional lines; the text starts on the line after the opening quotes."""

    def __init__(self, text: str) -> None:
        lines = text.strip("\n").split("\n")
        self._lines = [(line.startswith("?"), Template(line.removeprefix("?"))) for line in lines]

    def render(self, rng: Random, request: Request) -> str:
        """Return the trace's lines, joined, without a line end after the last."""
        return "\n".join(
            [
                line.render(rng, request)
                for optional, line in self._lines
                if not optional or rng.random() < OPTIONAL_LINE_SHARE
            ]
        )
