"""Applications that the API server alone imports, when somebody opens their page for the first time."""

import asyncio
import importlib
from typing import Any


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
