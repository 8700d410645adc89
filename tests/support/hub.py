"""A Hub that exists in unit tests only. Its secrets are sentinels: where one turns up, it leaked."""

HUB = "https://inbox-hub.example"
API_KEY = "sentinel-api-key-0001"
PASSWORD = "sentinel-password-0002"
TOKEN = "sentinel-token-0003"
LOGIN = {"success": True, "data": {"accessToken": TOKEN, "expiresIn": "24h"}}
