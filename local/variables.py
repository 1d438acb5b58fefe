"""What a user may say of the one-machine stack in variables, each of them read and checked by itself."""

from collections.abc import Mapping

from include.errors import ConfigurationError

KINESIS_ENGINES = ("kinesis-local", "kinesalite")
EXECUTORS = ("local", "celery")
MOST_WORKERS = 16
HIGHEST_PORT = 65535


def kinesis_engine(environment: Mapping[str, str], before: str | None, *, embedded: bool) -> str:
    """Return the emulator: the one that was asked for, else the one whose stream is there already.

    Raises:
        ConfigurationError: there is no such emulator, or another one holds the streams.
    """
    engine = environment.get("KINESIS") or before or KINESIS_ENGINES[0]
    if engine not in KINESIS_ENGINES:
        raise ConfigurationError(f"KINESIS={engine} is unknown: set it to one of {', '.join(KINESIS_ENGINES)}")
    if embedded and before and engine != before:
        raise ConfigurationError(
            f"KINESIS={engine} has none of the records that {before} holds, and the checkpoints stand in those: "
            "run `make clean` first"
        )
    return engine


def executor_asked(environment: Mapping[str, str]) -> str:
    """Return the word for Airflow's executor.

    Raises:
        ConfigurationError: there is no such executor.
    """
    executor = environment.get("EXECUTOR") or EXECUTORS[0]
    if executor not in EXECUTORS:
        raise ConfigurationError(f"EXECUTOR={executor} is unknown: set it to one of {', '.join(EXECUTORS)}")
    return executor


def workers_asked(environment: Mapping[str, str]) -> int:
    """Return how many Celery workers there shall be.

    Raises:
        ConfigurationError: that is no number, or out of bounds.
    """
    text = environment.get("WORKERS") or "2"
    if not text.isdecimal() or not 0 < int(text) <= MOST_WORKERS:
        raise ConfigurationError(f"WORKERS={text} is not allowed: set a number from 1 to {MOST_WORKERS}")
    return int(text)


def port_asked(environment: Mapping[str, str], variable: str) -> int | None:
    """Return the port that a variable asks for, if any.

    Raises:
        ConfigurationError: that is no port.
    """
    text = environment.get(variable)
    if not text:
        return None
    if not text.isdecimal() or not 0 < int(text) <= HIGHEST_PORT:
        raise ConfigurationError(f"{variable}={text} is no port: set a number from 1 to {HIGHEST_PORT}, or unset it")
    return int(text)
