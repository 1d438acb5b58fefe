"""The SLA board inside Airflow's UI: what the plugin registers, light enough for every component that loads plugins.

The page's own code is imported by the API server alone, when somebody opens the board for the first time.
"""

import asyncio
import importlib
from typing import Any

PREFIX = "/cali/sla"
"""Where the page is mounted; the UI shows it within its own frame under ``/plugin/sla``."""


class OnFirstRequest:
    """An ASGI application that is imported when it is first asked for something."""

    def __init__(self, module: str) -> None:
        self._module = module
        self._app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI's own types
        """Hand a request on."""
        if self._app is None:
            # In a thread: other requests do not wait for the import.
            self._app = (await asyncio.to_thread(importlib.import_module, self._module)).app
        await self._app(scope, receive, send)


FASTAPI_APP = {"app": OnFirstRequest("cali.board.app"), "url_prefix": PREFIX, "name": "SLA board"}
EXTERNAL_VIEW = {
    "name": "SLA",
    # Without a leading slash: below whatever path Airflow itself is served at.
    "href": f"{PREFIX.removeprefix('/')}/",
    "icon": f"{PREFIX.removeprefix('/')}/icon.svg",
    "icon_dark_mode": f"{PREFIX.removeprefix('/')}/icon-dark.svg",
    "url_route": "sla",
    "destination": "nav",
    "nav_top_level": True,
}
