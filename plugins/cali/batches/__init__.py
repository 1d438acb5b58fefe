"""The page of one batch, and of one record of it, to which messages link; light, like the board's registration."""

from cali.on_first_request import OnFirstRequest

PREFIX = "/cali/batches"
"""Where the pages are mounted: ``<prefix>/<batch id>``; ``AlertSettings.linked_to`` makes the addresses."""
FASTAPI_APP = {"app": OnFirstRequest("cali.batches.app"), "url_prefix": PREFIX, "name": "Batches"}
