"""The SLA board inside Airflow's UI: what the plugin registers, light enough for every component that loads plugins.

The page's own code is imported by the API server alone, when somebody opens the board for the first time.
"""

from cali.on_first_request import OnFirstRequest

PREFIX = "/cali/sla"
"""Where the page is mounted; the UI shows it within its own frame under ``/plugin/sla``."""

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
