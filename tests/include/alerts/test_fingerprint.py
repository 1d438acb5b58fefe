"""Claims about fingerprints: what is the same problem, and what is another."""

import time
from collections.abc import Callable
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.alerts.event import AlertEvent, RecordIdentity, quality_event
from include.alerts.fingerprint import fingerprint
from include.alerts.traces import sections

JAVA = """com.acme.shop.CheckoutException: order 4711 failed
\tat com.acme.shop.Checkout.pay(Checkout.java:88)
\tat com.acme.shop.Checkout.lambda$run$3(Checkout.java:51)
\tat com.acme.shop.Rules$$Lambda$412/0x0000000800c8f000.accept(Unknown Source)
\tat java.base/java.util.ArrayList.forEach(ArrayList.java:1511)
\tat org.springframework.aop.framework.ReflectiveMethodInvocation.proceed(ReflectiveMethodInvocation.java:186)
\tat com.acme.shop.Checkout$$EnhancerBySpringCGLIB$$1a2b3c.pay(<generated>)
\tSuppressed: java.io.IOException: socket 7
\t\tat com.acme.net.Pool.close(Pool.java:9)
\tCaused by: java.lang.IllegalStateException
\t\t... 3 more
Caused by: java.net.SocketTimeoutException: Read timed out after 3000 ms
\tat java.base/sun.nio.ch.NioSocketImpl.timedRead(NioSocketImpl.java:288)
\tat app//com.acme.pay.Gateway.call(Gateway.java:12)
\t... 31 more
"""
JAVA_ELSEWHERE = (
    JAVA.replace("4711", "99")
    .replace(":88", ":91")
    .replace("Lambda$412/0x0000000800c8f000", "Lambda$9/0x00000008001")
    .replace("1a2b3c", "99ffee")
    .replace("$run$3", "$run$4")
    .replace("3000 ms", "2999 ms")
    .replace("socket 7", "socket 8")
    .replace("31 more", "29 more")
)
PYTHON = """Traceback (most recent call last):
  File "/srv/releases/20260301/shop/cart.py", line 12, in add
    price = prices[sku]
KeyError: 'SKU-1'

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/usr/lib/python3.11/asyncio/base_events.py", line 650, in run_until_complete
    return future.result()
  File "/srv/releases/20260301/shop/app.py", line 40, in handle
    cart.add(sku)
  File "/srv/venv/lib/python3.11/site-packages/flask/app.py", line 9, in full
    return rv
shop.errors.CartError: no price for SKU-1
  and a second line
"""
PYTHON_ELSEWHERE = (
    PYTHON.replace("20260301", "20260402").replace("line 12", "line 14").replace("SKU-1", "SKU-77").replace("40", "41")
)
PINNED = [
    ("a86116f190bb1a834b5646bdbe01d87e", 3),
    ("27fbb3f4e7d188b6027144f8624bdf2a", 3),
    ("8d7618c57eafdfbaf4786417cc598441", 3),
    ("ccf69e049975cba2d53b427ac505c7e5", 3),
]
"""Only the first was moved by version 2, none by version 3."""
PASSWORD_V2 = "6a1130bacf36e8dc89d0971133d1f2a8"
LOGIN_V2 = "78c076762eea71eab2fba77d67a86bab"
DISK_FULL_V1 = "ee1b4769676487be5431bd506e4b9dbe"
MakeEvent = Callable[..., AlertEvent]


def test_a_java_trace_is_its_chain_and_its_own_frames() -> None:
    """Messages, line numbers, lambdas, proxies, frameworks and suppressed exceptions are left out."""
    found = [(section.exception, section.frames) for section in sections(JAVA)]
    assert found == [
        ("java.net.SocketTimeoutException", ("com.acme.pay.Gateway.call",)),
        (
            "com.acme.shop.CheckoutException",
            ("com.acme.shop.Checkout.pay", "com.acme.shop.Checkout.lambda$run", "com.acme.shop.Rules.accept"),
        ),
    ]


def test_a_python_trace_is_its_chain_and_its_own_frames() -> None:
    """The root cause comes first; a release's folder, line numbers and the standard library are left out."""
    found = [(section.exception, section.frames) for section in sections(PYTHON)]
    assert found == [("KeyError", ("shop/cart.py:add",)), ("shop.errors.CartError", ("shop/app.py:handle",))]


@pytest.mark.parametrize(("one", "other"), [(JAVA, JAVA_ELSEWHERE), (PYTHON, PYTHON_ELSEWHERE)], ids=["java", "python"])
def test_the_same_fault_in_another_process_has_the_same_fingerprint(event: MakeEvent, one: str, other: str) -> None:
    """Line numbers, addresses, ids, pods, services and messages make no difference to a trace's fingerprint."""
    first = fingerprint(event("order 4711 failed", stack_trace=one))
    second = fingerprint(event("order 99 failed", stack_trace=other, service="orders"))
    assert first == second


def test_another_cause_has_another_fingerprint(event: MakeEvent) -> None:
    """The same outer exception with another root cause, or from another own frame, is another problem."""
    traces = [
        JAVA,
        JAVA.replace("java.net.SocketTimeoutException", "java.net.ConnectException"),
        JAVA.replace("Gateway.call", "Gateway.refund"),
        PYTHON,
        PYTHON.replace("KeyError", "ValueError"),
    ]
    values = {fingerprint(event("order failed", stack_trace=trace)).value for trace in traces}
    assert len(values) == len(traces)


def test_a_trace_inside_the_message_counts_as_one(event: MakeEvent) -> None:
    """A logger that writes the trace into the message is understood, too."""
    inside = fingerprint(event(f"request 7 failed\n{PYTHON}"))
    assert inside == fingerprint(event("request 7 failed", stack_trace=PYTHON))


def test_a_trace_of_frameworks_alone_still_tells_faults_apart(event: MakeEvent) -> None:
    """Without an own frame the first frames of any kind are used."""
    deep = "java.lang.OutOfMemoryError\n\tat java.util.Arrays.copyOf(Arrays.java:1)\n"
    other = deep.replace("Arrays.copyOf", "HashMap.resize")
    assert fingerprint(event(stack_trace=deep)) != fingerprint(event(stack_trace=other))


def test_without_a_trace_service_level_and_template_count(event: MakeEvent) -> None:
    """WARN and ERROR, two services and two messages stay apart; numbers and a level's spelling do not matter."""
    base = fingerprint(event("disk 7 is full"))
    assert base == fingerprint(event("disk 8 is full", severity="error"))
    others = [
        event("disk 7 is full", severity="WARN"),
        event("disk 7 is full", service="orders"),
        event("disk 7 is slow"),
    ]
    assert base.value not in {fingerprint(other).value for other in others}
    assert base.title == "disk [num] is full"


def test_a_quality_failure_is_its_stream_suite_and_expectations(noon: datetime) -> None:
    """The next batch's failure of the same expectations is the same problem, whatever was observed."""

    def value(stream: str, suite: str, failures: dict[str, str]) -> str:
        return fingerprint(quality_event(stream, suite, failures, RecordIdentity("s", "1"), noon)).value

    base = value("tx", "suite", {"a": "1", "b": "2"})
    assert base == value("tx", "suite", {"b": "9", "a": "8"})
    others = {value("logs", "suite", {"a": "", "b": ""}), value("tx", "other", {"a": "", "b": ""})}
    assert base not in others | {value("tx", "suite", {"a": "1"})}


def test_a_fingerprint_never_moves(event: MakeEvent, noon: datetime) -> None:
    """A group keeps its id: these values are in users' databases; a better rule is a new VERSION, not another value."""
    quality = quality_event("tx", "suite", {"not_null(amount)": "3"}, RecordIdentity("s", "1"), noon)
    made = [
        fingerprint(event("disk 7 is full")),
        fingerprint(event(stack_trace=JAVA)),
        fingerprint(event(stack_trace=PYTHON)),
        fingerprint(quality),
    ]
    assert [(found.value, found.version) for found in made] == PINNED


def test_an_open_group_of_a_former_version_keeps_its_events(event: MakeEvent) -> None:
    """While its group is open in the event's stream, its former fingerprint stands; any other event has the new one."""
    former = {("logs", DISK_FULL_V1)}
    kept = fingerprint(event("disk 9 is full"), former)
    assert (kept.value, kept.version, kept.title) == (DISK_FULL_V1, 1, "disk [num] is full")
    others = [event("disk 9 is slow"), event("disk 9 is full", stream="tx"), event("disk 9 is full", stack_trace=JAVA)]
    assert [fingerprint(other, former) for other in others] == [fingerprint(other) for other in others]


SECRETS = [
    ("login failed, password={} user=app", "swordfish", "hunter2-Xy"),
    ("cannot connect to postgres://app:{}@db:5432/shop", "Abc-dEf", "s3cr3t!"),
    ("started with DB1_PASSWORD: {}", "swordfish", "hunter2"),
    ("AWS refused AKIA{} for s3", "IOSFODNN7EXAMPLE", "ABCDEFGHIJKLMNOP"),
    ("clone with ghp_{} failed", "a" * 36, "Z9" * 40),
    ("cannot verify {}", "eyJhbGciOiJIUzI.eyJzdWIiOiIx.c2ln", "eyJhbGciOiJSUzI.eyJleHAi-_x.YWJjZGVm"),
    ("Authorization: Bearer {}", "abcdefgh", "x.y-z_1~"),
    ("Cookie: session={}; theme=dark", "abc", "0a1b2c"),
    ("Customer(name={}, basket=3) has no limit", "Jane Doe", "Jean-Luc de la Tour"),
    ("transfer to {} bounced", "GB82 WEST 1234 5698 7654 32", "DE89370400440532013000"),
    ("AWS credentials were rejected: {}", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "aB3" + "Zq" * 18 + "/"),
]


@pytest.mark.parametrize(("text", "one", "other"), SECRETS)
def test_a_secret_makes_no_two_groups_of_one(event: MakeEvent, text: str, one: str, other: str) -> None:
    """Messages that differ in a secret alone are one problem, and its title does not show it."""
    first, second = fingerprint(event(text.format(one))), fingerprint(event(text.format(other)))
    assert first.value == second.value
    assert one not in first.title


def test_a_trace_that_begins_with_a_sentence_is_not_told_apart_by_a_secret(event: MakeEvent) -> None:
    """A header without a colon is taken for the exception's type, and may hold one."""
    traces = [f"Login with password={word} failed\n\tat com.acme.A.b(A.java:1)\n" for word in ("swordfish", "hunter2")]
    first, second = (fingerprint(event(stack_trace=trace)) for trace in traces)
    assert first == second
    former = fingerprint(event(stack_trace=traces[0]), {("logs", LOGIN_V2)})
    assert (former.value, former.version) == (LOGIN_V2, 2)


def test_an_open_group_of_version_2_keeps_its_secrets_events(event: MakeEvent) -> None:
    """Its value had the secret in it: while it is open, events with that one stay there, and others do not."""
    former = {("logs", PASSWORD_V2)}
    kept = fingerprint(event("login failed, password=swordfish"), former)
    assert (kept.value, kept.version) == (PASSWORD_V2, 2)
    other = fingerprint(event("login failed, password=hunter"), former)
    assert (other.value == PASSWORD_V2, other.version) == (False, 3)


def test_a_group_that_no_version_moved_is_found_as_it_is(event: MakeEvent) -> None:
    """An open group of version 2 takes its events under the present version, so that it is known as one of it."""
    present = fingerprint(event("disk 7 is full"))
    assert fingerprint(event("disk 8 is full"), {("logs", present.value)}) == present
    trace = fingerprint(event(stack_trace=JAVA))
    assert fingerprint(event(stack_trace=JAVA_ELSEWHERE), {("logs", trace.value)}) == trace


@pytest.mark.parametrize("unit", ["\n", " ", "\tat a.b(", "\n at ", "$$_", 'File "', "Caused by: "])
def test_a_hostile_trace_costs_little(event: MakeEvent, unit: str) -> None:
    """However a trace of a megabyte repeats itself, its fingerprint is soon there."""
    started = time.process_time()
    trace = "Traceback (most recent call last):\n" + unit * (1_000_000 // len(unit))
    found = [fingerprint(event(stack_trace=text)) for text in (trace, trace.partition("\n")[2])]
    assert [len(each.value) for each in found] == [32, 32]
    assert time.process_time() - started < 20.0


@given(st.text(max_size=300), st.none() | st.text(max_size=300))
def test_any_text_has_a_fingerprint(message: str, trace: str | None) -> None:
    """Whatever a log holds, it is grouped and its title is not empty."""
    now = datetime.fromisoformat("2026-03-01T12:00:00+00:00")
    made = AlertEvent("logs", "ERROR", "s", "", message, trace, now, now, RecordIdentity("s", "1"))
    found = fingerprint(made)
    assert (len(found.value), bool(found.title)) == (32, True)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (
            "Address of customer C-1 could not be verified: 12 Elm St",
            "Address of customer C-2 could not be verified: 7, rue de Ü, 31 Bois-la-Forêt",
            True,
        ),
        ("Slow query for SKU-123-GN took 31 ms", "Slow query for SKU-9-XB took 2 s", True),
        ("Redis node redis-cart-0 missed 3 pings", "Redis node redis-cart-2 missed 11 pings", True),
        ("Login failed: wrong password", "Login failed: account locked", False),
        ("Request of app 7 has failed: no route", "Request of app 7 has failed: timed out", False),
        ("Request of app 7 has failed: TimeoutError", "Request of app 7 has failed: IOError", False),
        ("Request of app 7 has failed: Connection reset", "Request of app 7 has failed: Access denied", False),
        ("Request of app 7 has failed: Timeout", "Request of app 7 has failed: Refused", False),
        ("Request of app 7 has failed: TASK_LOST", "Request of app 7 has failed: JOB_LOST", False),
        ("chunk 0064588e is lost", "chunk 00000002 is lost", True),
        ("chunk blk_-4711 is lost", "chunk blk_4711 is lost", True),
        ("left over: 3, 5, 7", "left over: 4", True),
        ("peer (a.example.org) gone", "peer () gone", True),
        ('"GET /a/1 HTTP/1.1" refused', '"POST /a/1 HTTP/1.1" refused', False),
        ("S3 is away", "EC2 is away", False),
        ("Redis node redis-cart-0 missed 3 pings", "Kafka node kafka-cart-0 missed 3 pings", False),
    ],
)
def test_free_text_behind_a_colon_and_ids_do_not_part_a_group(
    event: MakeEvent, one: str, other: str, same: bool
) -> None:
    """A problem is named by what comes before its detail, ids apart; a short head needs its detail."""
    values = {fingerprint(event(message=message)).value for message in (one, other)}
    assert (len(values) == 1) is same
