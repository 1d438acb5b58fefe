"""Both alert stores, for the claims that hold for each of them."""

import pytest

POSTGRES = pytest.param("postgres", marks=pytest.mark.integration)
both_stores = pytest.mark.parametrize("store", ["memory", POSTGRES], indirect=True)
