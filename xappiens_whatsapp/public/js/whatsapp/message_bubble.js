// One message of a thread.
import { element, icon } from "./dom";
import { status_ticks } from "./status_ticks";
import { time_of } from "./times";

const SENDER_COLORS = 6;

/**
 * @param {Object} message - as api.conversations.get_messages returns it
 * @param {boolean} is_group - say who wrote it
 */
export function message_bubble(message, is_group) {
	const is_outgoing = message.direction === "Outgoing";
	const row = element(
		"div",
		`whatsapp-message ${is_outgoing ? "whatsapp-outgoing" : "whatsapp-incoming"}`,
		element(
			"div",
			"whatsapp-bubble",
			is_group && !is_outgoing && sender(message),
			message.quoted_message_content && element("div", "whatsapp-quoted", message.quoted_message_content),
			...body(message),
			footer(message, is_outgoing),
			message.status === "Failed" &&
				element("div", "whatsapp-error", message.error_message || __("The message was not sent.")),
		),
		message.reactions.length > 0 && reactions(message.reactions),
	);
	row.dataset.message = message.name;
	return row;
}

function sender(message) {
	const id = message.participant || "";
	const node = element(
		"div",
		"whatsapp-sender",
		message.sender_name || number_of(id) || __("Unknown sender"),
	);
	const sum = [...id].reduce((total, letter) => total + letter.codePointAt(0), 0);
	node.dataset.color = sum % SENDER_COLORS;
	return node;
}

function body(message) {
	if (message.is_deleted) {
		return [
			element("div", "whatsapp-deleted", __("This message was deleted.")),
			message.content && element("div", "whatsapp-text whatsapp-struck", message.content),
		];
	}
	return [placeholder(message), message.content && element("div", "whatsapp-text", message.content)];
}

/** What stands for a picture, a voice note and so on. */
function placeholder(message) {
	const kinds = {
		image: [__("Image"), "image"],
		video: [__("Video"), "video"],
		audio: [__("Audio"), "audio"],
		voice: [__("Voice message"), "audio"],
		document: [__("Document"), "document"],
		sticker: [__("Sticker"), "sticker"],
		location: [__("Location"), "location"],
		contact: [__("Contact card"), "contact"],
		poll: [__("Poll"), "list"],
		buttons: [__("Buttons"), "list"],
		list: [__("List"), "list"],
	};
	const is_empty_text = message.message_type === "text" && !message.content && !message.has_media;
	const [label, symbol] =
		kinds[message.message_type] ||
		kinds[message.media_type] ||
		(message.has_media || message.message_type === "other" || is_empty_text
			? [__("Message of a kind that is not shown here"), "document"]
			: []);
	if (!label) return null;
	return element(
		"div",
		"whatsapp-placeholder",
		icon(symbol),
		element("span", "", label),
		message.media_file_name && element("span", "whatsapp-file-name", message.media_file_name),
	);
}

function footer(message, is_outgoing) {
	return element(
		"div",
		"whatsapp-footer",
		message.is_edited && !message.is_deleted ? element("span", "", __("Edited")) : null,
		element("span", "whatsapp-time", time_of(message.timestamp_ms)),
		is_outgoing && status_ticks(message.status),
	);
}

function reactions(all) {
	const people_by_emoji = new Map();
	for (const { emoji, from_jid, from_me } of all) {
		const people = people_by_emoji.get(emoji) || [];
		people_by_emoji.set(emoji, [...people, from_me ? __("You") : number_of(from_jid)]);
	}
	const pills = [...people_by_emoji].map(([emoji, people]) => {
		const pill = element("span", "whatsapp-reaction", emoji, people.length > 1 && ` ${people.length}`);
		pill.title = people.join(", ");
		return pill;
	});
	return element("div", "whatsapp-reactions", ...pills);
}

/** `34600000001` of `34600000001:3@s.whatsapp.net` */
function number_of(jid) {
	return (jid || "").split(/[:@]/)[0];
}
