"""The shops that cards are used in: named by Faker once, because Faker is too slow to be asked for each record."""

from dataclasses import dataclass
from random import Random

from faker import Faker

FOR_EACH_COUNTRY = 60
CATEGORIES = (
    *("groceries", "restaurant", "fuel", "transport", "pharmacy", "clothing"),
    *("electronics", "travel", "entertainment", "digital_goods"),
)
ONLINE_SHARE = 0.35


@dataclass(frozen=True, slots=True)
class Merchant:
    """A shop in a country; ``kind`` is what its terminals are: ``pos``, ``atm``, ``web`` or ``app``."""

    merchant_id: str
    name: str
    category: str
    country: str
    kind: str

    @property
    def online(self) -> bool:
        """Whether cards are not put into its terminals."""
        return self.kind in {"web", "app"}


class Merchants:
    """Each country's shops."""

    def __init__(self, rng: Random, countries: tuple[str, ...]) -> None:
        fake = Faker(["en_US", "de_DE", "fr_FR"])
        fake.seed_instance(rng.getrandbits(64))
        self._rng = rng
        self._shops: dict[tuple[str, bool], list[Merchant]] = {}
        for country in countries:
            for number in range(FOR_EACH_COUNTRY):
                online = number < FOR_EACH_COUNTRY * ONLINE_SHARE
                kind = rng.choice(("web", "app") if online else ("pos", "pos", "pos", "atm"))
                merchant_id = f"M-{country}-{number:04d}"
                shop = Merchant(merchant_id, fake.company(), rng.choice(CATEGORIES), country, kind)
                self._shops.setdefault((country, online), []).append(shop)

    def any(self, country: str, *, online: bool) -> Merchant:
        """Return one of a country's shops."""
        return self._rng.choice(self._shops[country, online])

    def several(self, country: str, count: int) -> list[Merchant]:
        """Return so many different online shops of a country."""
        return self._rng.sample(self._shops[country, True], count)
