from __future__ import annotations

import base64
import time
from datetime import UTC, datetime

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from platewatch.errors import ConfigError
from platewatch.notify import SignatureError, Signer, Verifier, generate_secret

from .support import OTHER_SECRET, SECRET

NOW = 1_795_400_000
BODY = '{"plate":"12가3456"}'.encode()
HEADERS = Signer([SECRET]).headers("msg.1", NOW, BODY)


def test_the_reference_library_verifies_ours() -> None:
    headers = Signer([SECRET]).headers("msg.1", int(time.time()), BODY)
    assert Webhook(SECRET).verify(BODY, headers) == {"plate": "12가3456"}
    with pytest.raises(WebhookVerificationError):
        Webhook(OTHER_SECRET).verify(BODY, headers)


def test_we_verify_the_reference_library() -> None:
    signature = Webhook(SECRET).sign("msg.1", datetime.fromtimestamp(NOW, UTC), BODY.decode())
    headers = {"webhook-id": "msg.1", "webhook-timestamp": str(NOW), "webhook-signature": signature}
    assert headers == HEADERS
    Verifier([SECRET]).verify(headers, BODY, NOW)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("webhook-id", "msg.2"),
        ("webhook-id", "msg"),
        ("webhook-timestamp", str(NOW + 1)),
        ("webhook-timestamp", f"{NOW}.0"),
        ("webhook-timestamp", f"-{NOW}"),
        ("webhook-timestamp", "9" * 5000),
        ("webhook-timestamp", "\u0661"),
        ("webhook-signature", "v1,AAAA"),
        ("webhook-signature", HEADERS["webhook-signature"].removeprefix("v1,")),
        ("webhook-signature", HEADERS["webhook-signature"].replace("v1,", "v2,")),
        ("webhook-signature", "\udcff"),
    ],
)
def test_a_changed_header_is_refused(name: str, value: str) -> None:
    with pytest.raises(SignatureError) as caught:
        Verifier([SECRET]).verify({**HEADERS, name: value}, BODY, NOW)
    assert caught.value.field in (name, "webhook-signature")


@pytest.mark.parametrize("name", HEADERS)
def test_a_missing_header_is_refused_by_name(name: str) -> None:
    with pytest.raises(SignatureError, match=f"{name}: missing"):
        Verifier([SECRET]).verify({**HEADERS, name: ""}, BODY, NOW)


def test_a_changed_body_is_refused() -> None:
    with pytest.raises(SignatureError, match="does not match"):
        Verifier([SECRET]).verify(HEADERS, BODY + b" ", NOW)


@pytest.mark.parametrize("drift", [-300, 300])
def test_a_fresh_timestamp_is_accepted(drift: int) -> None:
    Verifier([SECRET]).verify(HEADERS, BODY, NOW + drift)


@pytest.mark.parametrize("drift", [-301, 301])
def test_a_stale_or_future_timestamp_is_refused(drift: int) -> None:
    with pytest.raises(SignatureError, match="webhook-timestamp: more than 300 s from now"):
        Verifier([SECRET]).verify(HEADERS, BODY, NOW + drift)
    Verifier([SECRET], tolerance=301).verify(HEADERS, BODY, NOW + drift)


def test_secrets_rotate_without_a_gap() -> None:
    old, both, new = [SECRET], [SECRET, OTHER_SECRET], [OTHER_SECRET]
    rotating = Signer(both).headers("msg.1", NOW, BODY)
    assert len(rotating["webhook-signature"].split(" ")) == 2
    for secrets in (old, both, new):
        Verifier(secrets).verify(rotating, BODY, NOW)
        Verifier(both).verify(Signer(secrets).headers("msg.1", NOW, BODY), BODY, NOW)
    with pytest.raises(SignatureError):
        Verifier(new).verify(HEADERS, BODY, NOW)


def test_generated_secrets_are_usable_and_differ() -> None:
    secrets = [generate_secret(), generate_secret()]
    assert secrets[0] != secrets[1]
    assert len(base64.b64decode(secrets[0].removeprefix("whsec_"))) == 32
    Verifier(secrets).verify(Signer(secrets).headers("msg.1", NOW, BODY), BODY, NOW)


@pytest.mark.parametrize(
    "secret",
    [
        "",
        SECRET.removeprefix("whsec_"),
        "whsec_",
        "whsec_not*base64",
        "whsec_비밀",
        "whsec_" + base64.b64encode(bytes(23)).decode(),
        "whsec_" + base64.b64encode(bytes(65)).decode(),
    ],
)
@pytest.mark.parametrize("use", [Signer, Verifier])
def test_a_malformed_secret_is_refused_and_not_shown(use: type[Signer] | type[Verifier], secret: str) -> None:
    with pytest.raises(ConfigError, match=r"^secrets: a secret ") as caught:
        use([secret])
    shown = secret.removeprefix("whsec_")
    assert not shown or shown not in str(caught.value)


def test_no_secret_at_all_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least one secret"):
        Signer([])
