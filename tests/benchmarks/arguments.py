"""What parts of the benchmark take as options."""

import argparse


def natural(text: str) -> int:
    """Return the whole number above 0 that an option gives."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("give a whole number above 0")
    return number
