"""One row of a list of the Hub, as the parser reads it."""

from xappiens_whatsapp.inbox_hub import payloads, records

PERSON = "34600000002@s.whatsapp.net"
GROUP = "120363000000000001@g.us"


def contact(**row: object) -> records.Contact:
	return payloads.parse_contacts({"data": {"contacts": [row]}}).records[0]


def chat(**row: object) -> records.Chat:
	return payloads.parse_chats({"data": {"chats": [row]}}).records[0]


def message(chat_jid: str | None = None, **row: object) -> records.Message:
	return payloads.parse_messages({"data": {"messages": [row]}}, chat_jid=chat_jid).records[0]
