"""Claims about channels: by service, level and team, the first route that fits, and never by accident."""

import pytest

from include.alerts.environment import alert_settings
from include.alerts.event import Category
from include.alerts.routing import Route, Routing
from include.errors import ConfigurationError

ROUTES = Routing(
    routes=(
        Route(channel="pager", level="FATAL"),
        Route(channel="shop-errors", team="shop", level="error"),
        Route(channel="shop", team="shop"),
        Route(channel="db", service="*-db"),
    ),
    teams={"shop": ("cart", "pay*")},
)


@pytest.mark.parametrize(
    ("service", "level", "channel"),
    [
        ("cart", "FATAL", "pager"),
        ("cart", "ERROR", "shop-errors"),
        ("Payments", "WARN", "shop"),
        ("orders-db", "ERROR", "db"),
        ("orders", "ERROR", "alerts"),
    ],
)
def test_the_first_route_that_fits_wins(service: str, level: str, channel: str) -> None:
    """Every field of a route must fit; what none fits goes where everything goes."""
    assert ROUTES.channel(service, level, "alerts") == channel


def test_routes_come_from_the_settings() -> None:
    """As JSON; quality alerts and gaps keep their channels."""
    settings = alert_settings(
        {
            "CALI_ALERT_ROUTES": '[{"channel": "shop", "team": "shop"}, {"channel": "pager", "level": "FATAL"}]',
            "CALI_ALERT_TEAMS": '{"shop": ["cart", "pay*"]}',
            "CALI_ALERT_FALLBACK_CHANNEL": "ops",
        }
    )
    found = [
        settings.channel_for(category, "logs", "cart", "ERROR") for category in (Category.RECORD, Category.QUALITY)
    ]
    assert found == ["shop", "cali-quality"]
    assert settings.fallback_channel == "ops"


@pytest.mark.parametrize(
    ("routes", "named"),
    [
        ("[{}]", "CALI_ALERT_ROUTES"),
        ("shop", "CALI_ALERT_ROUTES"),
        ('[{"channel": "x", "levle": "FATAL"}]', "CALI_ALERT_ROUTES"),
        ('[{"channel": "x", "team": "ghost"}]', "names ghost, which CALI_ALERT_TEAMS does not list"),
    ],
)
def test_a_wrong_route_is_named(routes: str, named: str) -> None:
    """A typing error must not send alerts elsewhere in silence."""
    with pytest.raises(ConfigurationError, match=named):
        alert_settings({"CALI_ALERT_ROUTES": routes})
