// How far a message one has written got, as WhatsApp shows it.
import { element, icon } from "./dom";

const ICONS = {
	Pending: "clock",
	Sending: "clock",
	Unconfirmed: "question",
	Sent: "tick",
	Delivered: "ticks",
	Read: "ticks",
	Failed: "warning",
	Cancelled: "cancelled",
};

/** Statuses after which nothing more is to be expected. */
export const FINAL = ["Read", "Failed", "Cancelled"];

/**
 * @param {string} status - of a WhatsApp Message
 * @returns {string} in the user's language
 */
export function status_label(status) {
	const labels = {
		Pending: __("Pending", null, "WhatsApp Message"),
		Sending: __("Sending", null, "WhatsApp Message"),
		Unconfirmed: __("Unconfirmed", null, "WhatsApp Message"),
		Sent: __("Sent", null, "WhatsApp Message"),
		Delivered: __("Delivered", null, "WhatsApp Message"),
		Read: __("Read", null, "WhatsApp Message"),
		Failed: __("Failed", null, "WhatsApp Message"),
		Cancelled: __("Cancelled", null, "WhatsApp Message"),
	};
	return labels[status] || status;
}

/** @param {string} status - of a WhatsApp Message */
export function status_ticks(status) {
	const ticks = element("span", "whatsapp-ticks", icon(ICONS[status] || "question"));
	ticks.dataset.status = status;
	ticks.title = status_label(status);
	ticks.setAttribute("role", "img");
	ticks.setAttribute("aria-label", status_label(status));
	return ticks;
}
