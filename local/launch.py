"""What the supervisor starts: `python -m local.launch PROGRAM` turns itself into that program.

So the supervisor's configuration holds no secret, every program gets exactly its own environment, and a server's files
are looked after before each of its starts, also when it comes back after a crash.
"""

import logging
import os
import sys

from include.errors import ConfigurationError
from local import processes
from local.programs import programs
from local.settings import load, run_folder

_PATIENCE_SECONDS = 1


def main(arguments: list[str]) -> None:
    """Replace this process by the named program.

    Raises:
        ConfigurationError: there is no such program, or no stack was set up in the run folder.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    (name,) = arguments
    run_dir = run_folder(os.environ)
    settings = load(run_dir)
    if settings is None:
        raise ConfigurationError(f"No stack is set up in {run_dir}: run `make up`")
    program = next((program for program in programs(settings, os.environ) if program.name == name), None)
    if program is None:
        raise ConfigurationError(f"{name} is no program of this stack")
    # What a killed predecessor left behind (a scheduler's workers) would hold its ports and its work.
    processes.end(processes.of_predecessor(processes.survey(), run_dir, name, os.getsid(0)), _PATIENCE_SECONDS)
    if program.server is not None:
        program.server.prepare()
    environment = {**program.environment, **processes.mark(run_dir, name)}
    os.execvpe(program.command[0], program.command, environment)  # noqa: S606 - no shell is what is wanted


if __name__ == "__main__":
    main(sys.argv[1:])
