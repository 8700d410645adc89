"""What the Hub says of sessions and their QR codes, in its three shapes (docs/hub.md, "Objects")."""

import pytest

from xappiens_whatsapp.inbox_hub import payloads, records
from xappiens_whatsapp.inbox_hub.errors import PayloadError


@pytest.mark.parametrize(
	("data", "expected"),
	[
		(
			{
				"session": {
					"id": 56,
					"sessionId": "demo_session",
					"sessionName": "Demo",
					"status": "disconnected",
					"phoneNumber": "34600000001",
				}
			},
			("demo_session", 56, "Disconnected", "34600000001", False),
		),
		(
			{
				"id": 56,
				"sessionId": "demo_session",
				"status": "qr_code",
				"qrCode": "data:image/png;base64,AAAA",
			},
			("demo_session", 56, "QR Code Required", "", True),
		),
		(
			{"id": 56, "sessionId": "demo_session", "status": "pending", "phoneNumber": None, "qrCode": None},
			("demo_session", 56, "QR Code Required", "", False),
		),
		(
			{"sessionId": "demo_session", "status": "qr", "qrCode": "AAAA"},
			("demo_session", None, "QR Code Required", "", True),
		),
		(
			{"id": 56, "sessionId": "demo_session", "webhookUrl": "https://crm.example"},
			("demo_session", 56, "", "", False),
		),
		(
			{"id": "demo_session", "status": "connected", "msisdn": 34600000001},
			("demo_session", None, "Connected", "34600000001", False),
		),
		(
			{"session_db_id": 56, "phoneNumberId": "34600000001:71@s.whatsapp.net"},
			("", 56, "", "34600000001", False),
		),
	],
)
def test_every_answer_about_a_session_is_understood(data: dict, expected: tuple) -> None:
	read = payloads.parse_session({"success": True, "data": data})
	assert (read.session_id, read.hub_id, read.status, read.phone_number, read.qr is not None) == expected


@pytest.mark.parametrize(
	("status", "is_connected", "expected"),
	[
		("connected", None, "Connected"),
		("CONNECTED ", None, "Connected"),
		("connecting", None, "Connecting"),
		("Qr_Code", None, "QR Code Required"),
		("qr_required", None, "QR Code Required"),
		("qr_code_required", None, "QR Code Required"),
		("error", None, "Error"),
		("rate_limited", None, "Error"),
		("timeout", None, "Error"),
		("disconnected", None, "Disconnected"),
		("unheard of", None, ""),
		(None, None, ""),
		("connected", False, "Disconnected"),
		("disconnected", True, "Connected"),
		("qr_code", False, "QR Code Required"),
		("unheard of", True, "Connected"),
		(None, False, "Disconnected"),
	],
)
def test_what_is_connected_counts_more_than_what_the_status_remembers(status, is_connected, expected) -> None:
	read = payloads.parse_session(
		{"data": {"sessionId": "demo_session", "status": status, "isConnected": is_connected}}
	)
	assert read.status == expected


@pytest.mark.parametrize(
	"body", [None, [], {}, {"data": {}}, {"data": {"session": {}}}, {"data": {"status": "connected"}}]
)
def test_an_answer_about_no_session_is_an_error(body: object) -> None:
	with pytest.raises(PayloadError):
		payloads.parse_session(body)


def test_a_list_of_sessions_is_read_row_by_row() -> None:
	body = {
		"data": {
			"sessions": [
				{
					"id": 12,
					"sessionId": "demo_session",
					"status": "connected",
					"isConnected": True,
					"lastActivity": "2025-10-14T06:30:00.000Z",
				},
				{"name": "nameless"},
			],
			"total": 2,
		}
	}
	page = payloads.parse_sessions(body)
	assert page.records == (
		records.Session(
			"demo_session", 12, status="Connected", raw_status="connected", last_activity_ms=1_760_423_400_000
		),
	)
	assert page.errors[0].path == "data.sessions[1].sessionId"


def test_a_session_is_not_lost_over_its_picture() -> None:
	read = payloads.parse_session({"data": {"sessionId": "demo_session", "qrCode": "<svg>"}})
	assert read.session_id == "demo_session" and read.qr is None


@pytest.mark.parametrize(
	"qr",
	[
		"data:image/png;base64,iVBORw0KGgo=",
		"iVBORw0KGgo=",
		"data:image/png;base64,data:image/png;base64,iVBORw0KGgo=",
		"data:image/PNG;base64,iVBOR\nw0KGgo=",
	],
)
def test_a_qr_code_becomes_one_data_url_with_one_prefix(qr: str) -> None:
	assert payloads.parse_qr({"data": {"qrCode": qr}}).data_url == "data:image/png;base64,iVBORw0KGgo="


@pytest.mark.parametrize(
	("times", "expires_at"),
	[
		({"expiresAt": "2025-10-14T06:35:00.000Z"}, 1_760_423_700_000),
		({"qrCodeExpiresAt": 1_760_423_700}, 1_760_423_700_000),
		({"qrCodeGeneratedAt": "2025-10-14T06:34:00.000Z"}, 1_760_423_700_000),
		({}, None),
	],
)
def test_a_qr_code_lives_as_long_as_said_or_60_seconds(times: dict, expires_at: int | None) -> None:
	assert payloads.parse_qr({"data": {"qrCode": "AAAA", **times}}).expires_at_ms == expires_at


@pytest.mark.parametrize("qr", [None, "", "2@abc,def", "data:text/html;base64,AAAA", "not ready", {}])
def test_what_is_no_image_is_no_qr_code(qr: object) -> None:
	with pytest.raises(PayloadError) as caught:
		payloads.parse_qr({"data": {"qrCode": qr}})
	assert caught.value.path == "qrCode"
