"""Each record is accepted or kept, once, whatever bytes a stream holds. A library that fails in that is found out."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from include.drain.payloads import unpack as unpacking
from include.drain.payloads.undecodable import Reason
from include.process import validate_stage
from include.validation.validate import Validation, validate
from tests.fuzz.__main__ import main
from tests.fuzz.payloads import Fuzzer, Kind
from tests.fuzz.trial import trial

RECORDS = 20_000


def test_twenty_thousand_records_are_accepted_or_kept(capsys: pytest.CaptureFixture[str]) -> None:
    """The command ends with 0; every kind of record was put, and every reason of the drain came up."""
    assert main(["--records", str(RECORDS), "--seed", "1", "--jobs", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    put = {re.split(r"  +", line)[0] for line in lines}
    assert [name for name in (*Kind, *Reason) if name not in put] == []
    assert f"{RECORDS:,} records" in lines[-1]


def test_a_seed_repeats_its_batches() -> None:
    """The same seed and number give the same records and the same result, other ones others."""
    assert Fuzzer(1, 3).payloads(50) == Fuzzer(1, 3).payloads(50)
    assert trial(1, 3, 50) == trial(1, 3, 50)
    assert len({trial(seed, batch, 50).digest for seed, batch in ((1, 3), (1, 4), (2, 3))}) == 3


def _without_last_dead_letter(*arguments: Any) -> Validation:
    result = validate(*arguments)
    return replace(result, dead=result.dead.slice(0, max(0, result.dead.num_rows - 1)))


def _dead_letters_stripped(*arguments: Any) -> Validation:
    result = validate(*arguments)
    at = result.dead.schema.get_field_index("data")
    stripped = [data.strip(b'{}"[') for data in result.dead.column("data").to_pylist()]
    return replace(result, dead=result.dead.set_column(at, result.dead.schema.field(at), [stripped]))


def _staged_in_another_order(*arguments: Any) -> Validation:
    result = validate(*arguments)
    at = result.staged.schema.get_field_index("message")
    turned = result.staged.column("message").to_pylist()[::-1]
    return replace(result, staged=result.staged.set_column(at, result.staged.schema.field(at), [turned]))


def _first_user_record_only(aggregate: bytes, most: int) -> list[Any]:
    return USER_RECORDS(aggregate, most)[:1]


USER_RECORDS, JSON_LINES = unpacking.user_records, unpacking.json_lines


@pytest.mark.parametrize(
    ("place", "name", "fault", "found"),
    [
        pytest.param(validate_stage, "validate", _without_last_dead_letter, "ConservationError", id="loses"),
        pytest.param(validate_stage, "validate", _dead_letters_stripped, "has other bytes", id="changes bytes"),
        pytest.param(validate_stage, "validate", _staged_in_another_order, "says something else", id="mixes rows"),
        pytest.param(unpacking, "user_records", _first_user_record_only, "came apart into other", id="drops an event"),
        pytest.param(unpacking, "codec_of", lambda _: 1 / 0, "ZeroDivisionError", id="raises"),
    ],
)
def test_a_fault_is_found_out(
    monkeypatch: pytest.MonkeyPatch, place: object, name: str, fault: Callable[..., object], found: str
) -> None:
    """A library that has it does not pass, and the finding says what is wrong, in which batch."""
    monkeypatch.setattr(place, name, fault)
    findings = trial(1, 0, 200).findings
    assert any(found in finding for finding in findings), findings[:3]
    assert all(finding.startswith("seed 1, batch 0: ") for finding in findings)


def test_a_record_that_takes_the_program_down_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception is followed by the kind and the bytes of each record that causes it, and of no other."""

    def choke(data: bytes, budget: Any) -> object:
        if data.count(b"\n") == 1:
            raise RecursionError
        return JSON_LINES(data, budget)

    monkeypatch.setattr(unpacking, "json_lines", choke)
    findings = trial(1, 0, 60).findings
    assert [finding for finding in findings if "RecursionError" not in finding or "in base64" not in finding] == []
    assert 0 < len(findings) < 60
