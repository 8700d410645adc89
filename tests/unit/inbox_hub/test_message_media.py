"""Photos, voice messages and places within messages (docs/hub.md, "Objects")."""

import pytest

from support.parsed import PERSON, message
from xappiens_whatsapp.inbox_hub import records

PHOTO = records.Media("image", "image/jpeg", "photo.jpg", 245678, "https://media.example/x", "Look")


@pytest.mark.parametrize(
	"row",
	[
		{
			"type": "image",
			"content": "Look",
			"media": {
				"filename": "photo.jpg",
				"filesize": 245678,
				"mimetype": "image/jpeg",
				"url": "https://media.example/x",
			},
		},
		{
			"type": "chat",
			"hasMedia": True,
			"caption": "Look",
			"mediaData": {
				"fileName": "photo.jpg",
				"size": "245678",
				"mimeType": "image/jpeg",
				"media_url": "https://media.example/x",
			},
		},
		{
			"type": "imageMessage",
			"body": "Look",
			"mediaUrl": "https://media.example/x",
			"attachment": {"filename": "photo.jpg", "fileLength": 245678, "mimetype": "image/jpeg"},
		},
	],
)
def test_the_same_photo_in_any_shape_is_the_same_media(row: dict) -> None:
	read = message(chatId=PERSON, **row)
	assert (read.kind, read.media, read.text) == ("image", PHOTO, "Look")


@pytest.mark.parametrize(
	("row", "media"),
	[
		({"type": "image", "media": None, "has_attachment": False}, records.Media("image")),
		(
			{"has_attachment": True, "mimetype": "audio/ogg; codecs=opus"},
			records.Media("audio", "audio/ogg; codecs=opus"),
		),
		({"hasMedia": True}, records.Media("document")),
		({"mediaKey": "abc="}, records.Media("document")),
		({"type": "text", "media": {}, "mediaUrl": None, "hasMedia": False}, None),
		({"type": "location", "mediaUrl": "https://x.example/map.png"}, None),
	],
)
def test_a_message_has_media_exactly_if_something_says_so(row: dict, media: records.Media | None) -> None:
	assert message(chatId=PERSON, **row).media == media


@pytest.mark.parametrize(
	"row",
	[
		{"location": {"degreesLatitude": 40.4, "degreesLongitude": -3.7, "name": "Sol", "address": "Madrid"}},
		{"location": {"lat": "40.4", "lng": -3.7, "description": "Sol, Madrid"}},
		{"latitude": 40.4, "longitude": -3.7, "location": {"name": "Sol", "address": "Madrid"}},
	],
)
def test_a_place_in_any_shape_is_the_same_place(row: dict) -> None:
	read = message(chatId=PERSON, **row)
	assert (read.kind, read.location) == ("location", records.Location(40.4, -3.7, "Sol, Madrid"))


@pytest.mark.parametrize(
	"row", [{"lat": 91, "lng": 0}, {"lat": 1}, {"location": "Madrid"}, {"lat": "x", "lng": 0}]
)
def test_a_place_that_is_nowhere_is_none(row: dict) -> None:
	assert message(chatId=PERSON, **row).location is None
