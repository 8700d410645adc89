"""Whatever the Hub mixes: it parses, or it is the typed error; and the same fact is the same record."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from support.payloads import KEYS, MIXTURES, SCALARS
from xappiens_whatsapp.inbox_hub import clock, payloads, records
from xappiens_whatsapp.inbox_hub.errors import PayloadError

EVENTS = st.sampled_from(
	"""message message.received message.sent message.ack message.read message.failed message_status message_edit
	message_revoke session.connected session.disconnected session.qr session_status contact.updated chat.archived
	conversation.updated presence_update""".split()
)


def parses(parse: Any, *arguments: Any) -> Any:
	try:
		return parse(*arguments)
	except PayloadError as error:
		assert isinstance(error.path, str) and error.reason
		return None


@given(MIXTURES, st.lists(MIXTURES, max_size=3))
def test_any_mixture_parses_or_is_a_payload_error(body: object, rows: list) -> None:
	for noun, parse in (
		("contacts", payloads.parse_contacts),
		("chats", payloads.parse_chats),
		("messages", payloads.parse_messages),
		("sessions", payloads.parse_sessions),
	):
		parses(parse, body)
		page = parse({"data": {noun: rows}})
		assert page.received == len(rows)
		assert len(page.records) + len(page.errors) + len(page.reactions) == len(rows)
	for parse in (payloads.parse_session, payloads.parse_qr, payloads.parse_sent, payloads.parse_contact):
		parses(parse, body)
		parses(parse, {"data": body})


@given(
	EVENTS,
	MIXTURES,
	st.dictionaries(KEYS, MIXTURES, max_size=6),
	st.dictionaries(KEYS, st.text(), max_size=2),
)
def test_any_webhook_parses_or_is_a_payload_error(name: str, data: object, rest: dict, headers: dict) -> None:
	body = {**rest, "event": name, "sessionId": "demo_session", "data": data}
	event = parses(payloads.parse_event, body, headers)
	if event is not None and event.payload is not None:
		assert _texts_can_be_stored(event.payload)
	parses(payloads.parse_event, data, headers)
	parses(payloads.parse_event, rest, {"X-Webhook-Event": name, "X-Webhook-Session": "demo_session"})


def _texts_can_be_stored(payload: Any) -> bool:
	ids = [
		getattr(payload, name, "") for name in ("message_id", "jid", "chat_jid", "session_id", "sender_jid")
	]
	texts = [value for slot in payload.__slots__ if isinstance(value := getattr(payload, slot), str)]
	return all(len(text) <= 140 for text in ids) and all(
		"\x00" not in text and text.encode() is not None for text in texts
	)


# The same fact in any variant

PHONES = st.integers(34_600_000_000, 34_600_000_099).map(str)
INSTANTS = st.integers(clock.EARLIEST_MS // 1000, 1_763_000_000).map(lambda seconds: seconds * 1000)
WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)


def spelled_jid(draw: Any, phone: str) -> str:
	return draw(
		st.sampled_from(
			[f"{phone}@s.whatsapp.net", f"{phone}@c.us", f"{phone}:7@s.whatsapp.net", phone, f"+{phone}"]
		)
	)


def spelled_instant(draw: Any, instant: int) -> object:
	iso = clock.to_iso(instant)
	return draw(
		st.sampled_from(
			[instant, instant // 1000, str(instant), str(instant // 1000), iso, iso.replace(".000", "")]
		)
	)


@st.composite
def contact_facts(draw: Any) -> tuple[records.Contact, dict]:
	phone, name, seen = draw(PHONES), draw(WORDS).strip(), draw(INSTANTS)
	jid = spelled_jid(draw, phone)
	row = {
		draw(st.sampled_from(["id", "contactId", "jid", "waId"])): draw(
			st.sampled_from([jid, {"_serialized": jid}])
		),
		draw(st.sampled_from(["name", "formattedName"])): name,
		draw(st.sampled_from(["isMyContact"])): draw(st.sampled_from([True, 1, "true"])),
		"lastSeen": spelled_instant(draw, seen),
		"unheardOf": draw(SCALARS),
	}
	label = " ".join(name.split())
	known = payloads.parse_contacts({"data": {"contacts": [{"id": phone, "name": label}]}}).records[0].name
	return records.Contact(
		f"{phone}@s.whatsapp.net", phone, known, is_my_contact=True, last_seen_ms=seen
	), row


@given(contact_facts())
def test_the_same_contact_in_any_variant_is_the_same_record(fact: tuple[records.Contact, dict]) -> None:
	contact, row = fact
	assert payloads.parse_contacts({"data": {"contacts": [row]}}).records == (contact,)


@st.composite
def message_facts(draw: Any) -> tuple[records.Message, dict]:
	phone, text, instant = draw(PHONES), draw(WORDS), draw(INSTANTS)
	from_me = draw(st.booleans())
	message_id = draw(st.from_regex(r"3EB0[0-9A-F]{18}", fullmatch=True))
	status = draw(st.sampled_from([("Sent", ["sent", "server", 1, "1"]), ("Read", ["read", "played", 3, 4])]))
	flag = "true" if from_me else "false"
	identity = draw(
		st.sampled_from(
			[
				{"whatsappMessageId": message_id},
				{"messageId": message_id},
				{"id": message_id},
				{"id": {"id": message_id, "fromMe": from_me, "remote": f"{phone}@c.us"}},
				{"id": {"_serialized": f"{flag}_{phone}@c.us_{message_id}_{'out' if from_me else 'in'}"}},
				{"key": {"id": message_id, "remoteJid": f"{phone}@s.whatsapp.net", "fromMe": from_me}},
			]
		)
	)
	row = {
		**identity,
		draw(st.sampled_from(["chatId", "remoteJid", "jid"])): spelled_jid(draw, phone),
		draw(st.sampled_from(["content", "body", "text", "message"])): text,
		draw(st.sampled_from(["timestamp", "messageTimestamp", "sentAt", "createdAt"])): spelled_instant(
			draw, instant
		),
		**draw(st.sampled_from([{"fromMe": from_me}, {"direction": "outgoing" if from_me else "incoming"}])),
		draw(st.sampled_from(["status", "ackStatus", "ack"])): draw(st.sampled_from(status[1])),
		"type": draw(st.sampled_from(["text", "chat", None, "conversation"])),
		"mediaUrl": None,
		"media": draw(st.sampled_from([None, {}])),
	}
	jid = f"{phone}@s.whatsapp.net"
	reached = status[0] if from_me or status[0] == "Read" else "Delivered"
	sender = "" if from_me else jid
	return records.Message(
		message_id, jid, from_me, text=text, timestamp_ms=instant, status=reached, sender_jid=sender
	), row


@given(message_facts())
def test_the_same_message_in_any_variant_is_the_same_record(fact: tuple[records.Message, dict]) -> None:
	message, row = fact
	assert payloads.parse_messages({"data": {"messages": [row]}}).records == (message,)
	families = (
		{"event": "message.received", "sessionId": "demo_session", "data": row},
		{"event": "message", "data": {"sessionId": "demo_session", "message": row}},
		{"event": "message.received", "sessionId": "demo_session", "payload": row},
	)
	for body in families:
		assert payloads.parse_event(body, {}).payload == message
