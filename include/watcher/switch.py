"""A dead man's switch: somebody else's alarm that goes off when nobody has pinged it for a while."""

import http.client
import logging
import urllib.request

log = logging.getLogger(__name__)
TIMEOUT_S = 10


def ping(url: str) -> bool:
    """Ping a switch; return whether it took it. Its address, which is its key, is not shown."""
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:  # noqa: S310 - the settings have seen to it
            answer.read(1)
    except (OSError, http.client.HTTPException) as error:
        log.warning("the dead man's switch did not take the ping error=%s", type(error).__name__)
        return False
    return True
