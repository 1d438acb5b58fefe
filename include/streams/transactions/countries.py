"""Where countries lie: the middle of each and how far its land reaches from there, roughly.

For asking whether a card can have come from one to the other in time; a country that is not here is not asked about.
Middles are to a degree and reaches to 50 km, so that the distance between two borders is judged too short rather than
too long.
"""

from math import asin, cos, radians, sin, sqrt
from typing import NamedTuple

EARTH_RADIUS_KM = 6_371.0


class Country(NamedTuple):
    """The middle in degrees (north and east are positive), and the reach from there in kilometres."""

    latitude: float
    longitude: float
    reach_km: float

    @property
    def hours_ahead(self) -> float:
        """By how many hours the sun is ahead of UTC in the country's middle."""
        return self.longitude / 15


COUNTRIES = {
    "AE": Country(24, 54, 300),
    "AR": Country(-34, -64, 2_000),
    "AU": Country(-25, 134, 2_200),
    "BR": Country(-10, -52, 2_500),
    "CA": Country(57, -98, 2_900),
    "CH": Country(47, 8, 200),
    "CN": Country(36, 104, 2_700),
    "DE": Country(51, 10, 500),
    "EG": Country(27, 30, 800),
    "ES": Country(40, -4, 600),
    "FR": Country(47, 2, 600),
    "GB": Country(54, -2, 600),
    "ID": Country(-2, 118, 2_700),
    "IN": Country(22, 79, 1_700),
    "IT": Country(43, 12, 700),
    "JP": Country(37, 138, 1_500),
    "KE": Country(0, 38, 600),
    "KR": Country(36, 128, 350),
    "KW": Country(29, 48, 150),
    "MX": Country(24, -102, 1_800),
    "NG": Country(9, 8, 800),
    "NZ": Country(-41, 173, 900),
    "PL": Country(52, 19, 450),
    "SE": Country(62, 16, 900),
    "SG": Country(1, 104, 50),
    "TH": Country(15, 101, 1_000),
    "TR": Country(39, 35, 900),
    "US": Country(39, -98, 2_700),
    "ZA": Country(-29, 25, 1_000),
}


def least_distance_km(one: str, other: str) -> float:
    """Return how far two countries' borders are apart at least; 0 where they may touch or one is not known."""
    if one == other or one not in COUNTRIES or other not in COUNTRIES:
        return 0.0
    here, there = COUNTRIES[one], COUNTRIES[other]
    return max(0.0, _between_middles_km(here, there) - here.reach_km - there.reach_km)


def _between_middles_km(here: Country, there: Country) -> float:
    """Return the distance on a sphere, by the haversine formula."""
    north = sin(radians(there.latitude - here.latitude) / 2) ** 2
    east = sin(radians(there.longitude - here.longitude) / 2) ** 2
    share = north + cos(radians(here.latitude)) * cos(radians(there.latitude)) * east
    return 2 * EARTH_RADIUS_KM * asin(sqrt(share))
