import hashlib
import hmac

import pytest

from xappiens_whatsapp.inbox_hub import signature
from xappiens_whatsapp.inbox_hub.errors import SignatureError

SECRET = "a-secret-of-the-tests"
BODY = '{"event":"message.received","data":{"body":"¡Hola! 👋"}}'.encode()


def test_a_signature_is_the_hmac_of_the_bytes_as_they_came() -> None:
	expected = hmac.new(SECRET.encode(), BODY, hashlib.sha256).hexdigest()
	assert signature.sign(BODY, SECRET) == f"sha256={expected}"


@pytest.mark.parametrize(
	"change", [str, lambda header: header.removeprefix("sha256="), str.upper, " {} ".format]
)
def test_a_right_signature_passes_with_and_without_its_prefix(change) -> None:
	header = change(signature.sign(BODY, SECRET)).replace("SHA256", "sha256")
	assert signature.verify(BODY, header, [SECRET]) is None


def test_the_previous_secret_is_good_while_it_is_given() -> None:
	header = signature.sign(BODY, "the-previous-secret-x")
	assert signature.verify(BODY, header, [SECRET, "the-previous-secret-x"]) is None
	with pytest.raises(SignatureError):
		signature.verify(BODY, header, [SECRET])


@pytest.mark.parametrize(
	("body", "header", "secrets", "reason"),
	[
		(BODY, signature.sign(BODY, SECRET), [], SignatureError.NO_SECRET),
		(BODY, signature.sign(BODY, ""), ["", ""], SignatureError.NO_SECRET),
		(BODY, None, [SECRET], SignatureError.MISSING),
		(BODY, "  ", [SECRET], SignatureError.MISSING),
		(BODY, "sha256=", [SECRET], SignatureError.MALFORMED),
		(BODY, "sha1=" + "0" * 40, [SECRET], SignatureError.MALFORMED),
		(BODY, signature.sign(BODY, SECRET)[:-1], [SECRET], SignatureError.MALFORMED),
		(BODY, signature.sign(BODY, SECRET) + "0", [SECRET], SignatureError.MALFORMED),
		(BODY, "é" * 64, [SECRET], SignatureError.MALFORMED),
		(BODY, signature.sign(BODY, "another-secret-here"), [SECRET], SignatureError.MISMATCH),
		(BODY + b" ", signature.sign(BODY, SECRET), [SECRET], SignatureError.MISMATCH),
		(BODY.replace(b":", b": "), signature.sign(BODY, SECRET), [SECRET], SignatureError.MISMATCH),
		(b"", signature.sign(BODY, SECRET), [SECRET], SignatureError.MISMATCH),
	],
)
def test_each_way_to_be_unsigned_is_refused_with_its_reason(body, header, secrets, reason) -> None:
	with pytest.raises(SignatureError) as caught:
		signature.verify(body, header, secrets)
	assert caught.value.reason == reason
	assert str(caught.value).startswith("Webhook signature verification failed: ")
	assert SECRET not in str(caught.value)


def test_all_secrets_are_tried_before_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
	tried = []
	real = signature.sign
	monkeypatch.setattr(signature, "sign", lambda body, secret: tried.append(secret) or real(body, secret))
	signature.verify(BODY, real(BODY, "first-secret-of-two"), ["first-secret-of-two", "second-secret-of-two"])
	assert tried == ["first-secret-of-two", "second-secret-of-two"]
