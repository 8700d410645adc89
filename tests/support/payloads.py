"""What a Hub might send: any mixture of the keys and values of its JSON, sensible or not."""

from hypothesis import strategies as st

SCALARS = st.one_of(
	st.none(),
	st.booleans(),
	st.integers(),
	st.floats(),
	st.text(max_size=30),
	st.sampled_from(
		[
			"34600000002@c.us",
			"34600000002@s.whatsapp.net",
			"34600000002",
			"120363000000000001@g.us",
			"100000000000001@lid",
			"status@broadcast",
			"true_34600000002@c.us_3EB0F1_out",
			"2025-10-14T06:30:00.000Z",
			"1760423400000",
			1_760_423_400,
			"data:image/png;base64,AAAA",
			"connected",
			"qr",
			"sent",
			"\ud800",
			"a\x00b",
			"x" * 200,
		]
	),
)
KEYS = st.sampled_from(
	"""_serialized ack ackStatus archived attachment author body caption chat chatId code contact contactId contacts
	content conversation createdAt data degreesLatitude degreesLongitude direction emoji error event expiresAt fileName
	filename filesize from fromMe hasMedia has_attachment hasQR id imgUrl isArchived isConnected isGroup isRead isStatus
	items jid key labels lastMessage last_message lat lng location media mediaKey mediaUrl message messageId messages
	mimetype msgId name notify number page pages pagination participant payload phone phoneNumber phoneNumberId ptt
	pushName qr qrCode quotedMessage quotedMsg quotedMsgId reaction reactionMessage reason recipients remote remoteJid
	sender senderTimestampMs server session sessionId session_db_id sessions status text timestamp to total type
	unreadCount url user waId whatsappMessageId""".split()
)
MIXTURES = st.recursive(
	SCALARS,
	lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=8)),
	max_leaves=25,
)
