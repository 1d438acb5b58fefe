"""The watcher as a process: ``python -m include.watcher`` looks each half minute, until it is told to stop."""

import argparse
import logging
import sys

import psycopg

from include.errors import ConfigurationError
from include.records import Clock, utc_now
from include.stop import stop_on_signals
from include.watcher.decide import Watch
from include.watcher.look import Eyes
from include.watcher.settings import WatcherSettings, watcher_settings
from include.watcher.switch import ping
from include.watcher.tell import Teller

log = logging.getLogger(__name__)


class Watcher:
    """Looks and tells, a look at a time."""

    def __init__(self, settings: WatcherSettings, clock: Clock = utc_now) -> None:
        self._settings = settings
        self._clock = clock
        self._eyes = Eyes(settings.airflow, settings.postgres, settings.longest_lag)
        self._watch = Watch(settings.patience)
        self._teller = Teller(settings)

    def look(self) -> None:
        """Look once, tell what is new, and ping the dead man's switch where all is well."""
        if self._settings.alive_file:
            self._settings.alive_file.touch()
        sighting = self._eyes.look(self._clock())
        silences = self._watch.look(sighting)
        try:
            told = self._teller.tell(self._eyes.connection, sighting, silences)
        except psycopg.Error as error:
            log.warning("Postgres went away while telling error=%s", type(error).__name__)
            self._eyes.close()
            return
        for event, part in told:
            log.warning("%s %s", part, event)
        if self._settings.switch_url and not sighting.ill:
            ping(self._settings.switch_url)

    def close(self) -> None:
        """Let the connection go."""
        self._eyes.close()


def main(arguments: list[str] | None = None) -> int:
    """Run until SIGTERM, SIGINT or the end of the terminal; 0 then, and 2 when a setting is wrong."""
    parser = argparse.ArgumentParser(prog="python -m include.watcher", description=__doc__)
    parser.add_argument("--once", action="store_true", help="look once and end")
    chosen = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        settings = watcher_settings()
    except ConfigurationError as error:
        parser.exit(2, f"{error}\n")
    watcher = Watcher(settings)
    log.info("watching every_s=%s patience=%s", settings.every_s, settings.patience)
    with stop_on_signals() as stop:
        try:
            watcher.look()
            while not chosen.once and not stop.wait(settings.every_s):
                watcher.look()
        finally:
            watcher.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
