"""Words the generated world is made of. Bytes in, text out; nothing random."""

from __future__ import annotations

from typing import Any

FIRST = (
	"José", "Lucía", "Ana María", "Íñigo", "Zoë", "Chloé", "Björn", "Aïcha", "João", "Łukasz", "Nuria", "Óscar",
	"Begoña", "Martín", "Úrsula", "Raúl", "Mónica", "Ángel", "Sofía", "Iván", "李雷", "محمد", "Дарья", "さくら",
)  # fmt: skip
LAST = (
	"Núñez", "García", "Müller", "Peña", "López de la Cruz", "O'Neill", "Çelik", "Ibáñez", "Åkesson", "Muñoz",
	"Ferrer", "Gómez-Acebo", "Sáez", "Castaño", "D’Angelo", "Novák",
)  # fmt: skip
DECORATION = ("", "", "", "", " 🌻", " 👩🏽‍💻", " ❤️", " (taller)", " 🇪🇸", "")
BUSINESS = ("Panadería La Espiga", "Clínica Dental Núñez", "Talleres Ágora", "Café Ñandú ☕", "Óptica & Más")
GROUPS = ("Familia 👨‍👩‍👧", "Equipo comercial", "Pedidos Málaga", "Vecinos nº 5", "Pádel jueves 🎾")
ABOUTS = ("Disponible", "¡Hola! Estoy usando WhatsApp.", "En una reunión", "🚴 siempre", "Solo urgencias")
PHRASES = (
	"Hola, ¿cómo estás?",
	"Buenos días ☀️",
	"¿Me podéis enviar el presupuesto nº {n}?",
	"Perfecto, muchas gracias 🙏",
	"El pedido {n} llegó ayer, todo bien.",
	"¿A qué hora abrís mañana?",
	"👍",
	"Son {n},50 € con IVA incluido",
	"Ahora mismo no puedo hablar, te escribo luego",
	"Línea uno\nlínea dos\n\n— y una más",
	"<b>esto no es HTML</b> & aquello tampoco",
	"Ça va? Grüße aus Köln! Привет! 你好! مرحبا",
	"¿Sigue en pie lo del día {n}?",
	"Te paso la dirección: Calle Ñuño {n}, 3º izq.",
	"😂😂😂",
	"ok",
)
KINDS = (
	"image", "image", "video", "audio", "ptt", "document", "sticker", "location", "contact", "poll",
	"buttons_response", "list_response", "ephemeral", "other",
)  # fmt: skip
FILES: dict[str, tuple[str, str]] = {
	"image": ("image/jpeg", "foto-{n}.jpg"),
	"video": ("video/mp4", "vídeo-{n}.mp4"),
	"audio": ("audio/mpeg", "canción-{n}.mp3"),
	"ptt": ("audio/ogg; codecs=opus", "nota-{n}.ogg"),
	"document": ("application/pdf", "Presupuesto nº {n} (señal).pdf"),
	"sticker": ("image/webp", "sticker-{n}.webp"),
}


def person_name(b: bytes) -> str:
	return f"{FIRST[b[0] % len(FIRST)]} {LAST[b[1] % len(LAST)]}{DECORATION[b[2] % len(DECORATION)]}"


def business_name(b: bytes) -> str:
	return f"{BUSINESS[b[0] % len(BUSINESS)]} {b[1]}"


def group_name(b: bytes) -> str:
	return f"{GROUPS[b[0] % len(GROUPS)]} {b[1]}"


def _number(b: bytes) -> int:
	return int.from_bytes(b[10:12], "big") % 9000 + 1000


def message_text(b: bytes, kind: str) -> str:
	"""Text, caption, or what the Hub puts in the text of a message of another kind."""
	if kind in ("audio", "ptt", "sticker", "location", "other"):
		return ""
	if kind in FILES:
		return "" if b[13] % 2 else f"Aquí va: {_number(b)} 📎"
	if kind == "contact":
		return (
			"BEGIN:VCARD\nVERSION:3.0\nFN:Lucía Peña\nTEL;type=CELL;waid=34600000003:+34600000003\nEND:VCARD"
		)
	if kind == "poll":
		return "¿Qué día os viene mejor?"
	if kind in ("buttons_response", "list_response"):
		return "Sí, confirmo ✅"
	return PHRASES[b[12] % len(PHRASES)].format(n=_number(b))


def media_url(b: bytes, name: str) -> str:
	"""A link as long as WhatsApp's are (past 140 characters) and as short-lived."""
	return f"https://inbox-hub.example/media/{b.hex()}/{name}?ccb=11-4&oh=01_{b.hex() * 4}&oe=68FA{b[0]:02X}"


def media(b: bytes, kind: str) -> dict[str, Any]:
	"""The `media` object of a message of a kind that has a file."""
	mimetype, name = FILES[kind]
	file_name = name.format(n=_number(b))
	return {
		"filename": file_name,
		"filesize": 1000 + int.from_bytes(b[12:14], "big") * 7,
		"mimetype": mimetype,
		"url": media_url(b, file_name.replace(" ", "%20")),
	}
