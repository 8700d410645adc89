"""A Hub that exists in unit tests only. Its secrets are sentinels: where one turns up, it leaked."""

from xappiens_whatsapp.inbox_hub.calls import make_call

HUB = "https://inbox-hub.example"
API_KEY = "sentinel-api-key-0001"
PASSWORD = "sentinel-password-0002"
TOKEN = "sentinel-token-0003"
LOGIN = {"success": True, "data": {"accessToken": TOKEN, "expiresIn": "24h"}}

# What may be asked again, and what may not.
GET = make_call("GET", "/api/contacts/demo_session", budget="demo_session")
SEND = make_call(
	"POST", "/api/messages/demo_session/send", json={"to": "1", "message": "Hi"}, budget="demo_session"
)
CREATE = make_call("POST", "/api/sessions", json={"sessionId": "demo_session"})
GET_URL, SEND_URL = HUB + GET.path, HUB + SEND.path


def failed(code: str, text: str = "text") -> dict:
	"""An error answer of the Hub."""
	return {"success": False, "error": text, "code": code}
