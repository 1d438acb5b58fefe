"""The stable part of a Java or Python stack trace: its exceptions and the application's own frames."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

# Of a longer trace the rest is not read.
LONGEST = 65_536
# Frames a section contributes, those next to the fault first: deeper ones differ with the way in.
FRAMES = 5

PYTHON_MARK = "Traceback (most recent call last)"
_JAVA_MARK = re.compile(r"^[ \t]+at [^\s(]+\(", re.MULTILINE)
_PYTHON_FRAME = re.compile(r'File "(?P<path>[^"]+)", line \d+, in (?P<function>.+)')

# Frames below these are a runtime's or a framework's; what they call is the application.
_JAVA_RUNTIME = (
    "java.", "javax.", "jakarta.", "jdk.", "sun.", "com.sun.", "kotlin.", "kotlinx.", "scala.", "groovy.",
    "org.springframework.", "org.apache.", "org.hibernate.", "org.eclipse.", "org.jboss.", "org.junit.",
    "io.netty.", "io.grpc.", "io.micrometer.", "io.undertow.", "reactor.", "rx.", "akka.", "com.fasterxml.",
    "com.google.common.", "com.zaxxer.", "okhttp3.", "software.amazon.", "com.amazonaws.", "org.postgresql.",
)  # fmt: skip
_PYTHON_RUNTIME = ("/site-packages/", "/dist-packages/", "/lib/python", "\\lib\\", "<frozen ", "<string>")

# What compilers and proxies add to a name, new in every process.
_GENERATED = re.compile(
    r"\$\$(?:Lambda|Enhancer|FastClass|SpringCGLIB|_)[^.]*|\$Proxy\d+|\$\d+(?=\$|\.|$)|/0x[0-9a-f]+"
)
_LAMBDA_NUMBER = re.compile(r"lambda\$(\w+)\$\d+")
_VARIABLE = re.compile(r"\d+|\b[0-9a-f]{7,}\b")


@dataclass(frozen=True, slots=True)
class Section:
    """One exception of a chain, with the application's own frames next to where it was raised, if it has any."""

    exception: str
    frames: tuple[str, ...]


def sections(trace: str) -> tuple[Section, ...]:
    """Return a trace's exceptions from the root cause outwards, or nothing when the text holds no trace.

    Messages, line numbers, addresses and the suffixes of lambdas and proxies are gone from the result.
    """
    text = trace[:LONGEST]
    if PYTHON_MARK in text:
        return _python_sections(_python_lines(text))
    if _JAVA_MARK.search(text):
        return _java_sections(_java_lines(text))
    return ()


def _java_lines(text: str) -> tuple[str, ...]:
    """Return the headers (marked by a leading colon) and frames; cheap, as it runs for every single trace."""
    kept: list[str] = []
    skipped_indent = -1
    for line in text.splitlines():
        body = line.lstrip()
        indent = len(line) - len(body)
        if 0 <= skipped_indent <= indent:
            continue
        skipped_indent = -1
        if body.startswith("at ") and indent:
            frame = body[3:].partition("(")[0]
            # Taken out here, not later, so that the cache behind this knows the trace again.
            kept.append(_GENERATED.sub("", frame) if "$$" in frame else frame)
        elif body.startswith("Suppressed: "):
            skipped_indent = indent
        elif body.startswith("Caused by: "):
            kept.append(":" + body[11:].partition(":")[0])
        elif not kept and body:
            kept.append(":" + _java_header(body))
    return tuple(kept)


def _java_header(line: str) -> str:
    """Return the exception's type from a trace's first line, behind ``Exception in thread "main"`` if need be."""
    if line.startswith("Exception in thread "):
        line = line.rpartition('" ')[2]
    return line.partition(":")[0].strip()


@lru_cache(maxsize=20_000)
def _java_sections(lines: tuple[str, ...]) -> tuple[Section, ...]:
    found: list[tuple[str, list[str]]] = []
    for line in lines:
        if line.startswith(":"):
            found.append((_GENERATED.sub("", line[1:].strip()), []))
        elif found:
            found[-1][1].append(line)
    chain = [(name, [_java_frame(frame) for frame in frames]) for name, frames in reversed(found)]
    return _own(chain, _is_own_java)


def _java_frame(frame: str) -> str:
    """``app//com.acme.Shop$$Lambda$14/0x00ab.run`` becomes ``com.acme.Shop.run``."""
    name = _GENERATED.sub("", frame.strip()).rpartition("/")[2]
    return _LAMBDA_NUMBER.sub(r"lambda$\1", name)


def _is_own_java(frame: str) -> bool:
    return not frame.startswith(_JAVA_RUNTIME)


def _python_lines(text: str) -> tuple[str, ...]:
    """Return the headers (marked by a leading colon) and frames; a header follows its frames."""
    kept: list[str] = []
    inside = False
    for line in text.splitlines():
        body = line.lstrip(" |+")
        if PYTHON_MARK in line:
            inside = True
        elif inside and body.startswith('File "'):
            kept.append(body)
        elif inside and body and not line.startswith((" ", "\t")):
            kept.append(":" + body.partition(":")[0])
            inside = False
    return tuple(kept)


@lru_cache(maxsize=20_000)
def _python_sections(lines: tuple[str, ...]) -> tuple[Section, ...]:
    found: list[tuple[str, list[str]]] = []
    frames: list[str] = []
    for line in lines:
        if line.startswith(":"):
            found.append((line[1:].strip(), frames[::-1]))
            frames = []
        else:
            frames.append(line)
    if frames:
        found.append(("", frames[::-1]))
    return tuple(
        Section(section.exception, tuple(_python_frame(frame) for frame in section.frames))
        for section in _own(found, _is_own_python)
    )


def _python_frame(frame: str) -> str:
    """``File "/srv/r42/shop/cart.py", line 7, in add`` becomes ``shop/cart.py:add``."""
    match = _PYTHON_FRAME.match(frame)
    if match is None:
        return _VARIABLE.sub("*", frame)
    parts = match["path"].replace("\\", "/").split("/")[-2:]
    folder = [_VARIABLE.sub("*", part) for part in parts[:-1]]
    return "/".join([*folder, parts[-1]]) + ":" + match["function"].strip()


def _is_own_python(frame: str) -> bool:
    return not any(mark in frame for mark in _PYTHON_RUNTIME)


def _own(chain: list[tuple[str, list[str]]], is_own: Callable[[str], bool]) -> tuple[Section, ...]:
    """Keep each section's first own frames; recursion counts once.

    Only a chain without any own frame keeps those of frameworks: a retry or a reused connection changes the way
    through a framework, and the fault is the same.
    """
    if not any(is_own(frame) for _, frames in chain for frame in frames):
        return tuple(Section(name, tuple(dict.fromkeys(frames))[:FRAMES]) for name, frames in chain)
    return tuple(
        Section(name, tuple(dict.fromkeys(frame for frame in frames if is_own(frame)))[:FRAMES])
        for name, frames in chain
    )
