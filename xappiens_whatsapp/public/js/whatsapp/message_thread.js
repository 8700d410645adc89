import { element } from "./dom";
import { message_bubble } from "./message_bubble";
import { ask } from "./server";
import { day_label, day_of } from "./times";

const PAGE = 50;
const NEAR_END = 80; // pixels from the end within which the reader counts as being there
const GATHER_MS = 250; // events that come close together are answered by one look at the server

/** The messages of a conversation, read-only, newest at the bottom, kept up to date. */
export class MessageThread {
	/**
	 * @param {HTMLElement} parent - its content is replaced
	 * @param {string} conversation - name of a WhatsApp Conversation
	 * @param {boolean} is_group - say who wrote each message
	 */
	constructor(parent, conversation, is_group) {
		this.conversation = conversation;
		this.is_group = is_group;
		this.messages = new Map(); // by name
		this.rendered = new Map(); // key to {node, signature}
		this.make(parent);
	}

	make(parent) {
		this.older = element("button", "btn btn-default btn-xs whatsapp-older", __("Load Older Messages"));
		this.older.type = "button";
		this.older.addEventListener("click", () => this.load_older());
		this.older.hidden = true;
		this.list = element("div", "whatsapp-list");
		this.empty = element("div", "whatsapp-empty", __("No messages yet."));
		this.empty.hidden = true;
		this.scroller = element("div", "whatsapp-scroller", this.older, this.empty, this.list);
		this.scroller.tabIndex = 0;
		this.scroller.setAttribute("role", "log");
		this.scroller.setAttribute("aria-label", __("Messages"));
		this.scroller.addEventListener("scroll", () => {
			if (this.is_at_end()) this.news.hidden = true;
		});
		this.news = element("button", "btn btn-primary btn-xs whatsapp-news", __("New Messages"));
		this.news.type = "button";
		this.news.hidden = true;
		this.news.addEventListener("click", () => this.scroll_to_end());
		parent.replaceChildren(element("div", "whatsapp-thread", this.scroller, this.news));
	}

	/** Look at the server for what is new. Many calls close together become one. */
	refresh() {
		clearTimeout(this.gathering);
		return new Promise((resolve) => {
			this.gathering = setTimeout(() => resolve(this.load_newest()), GATHER_MS);
		});
	}

	close() {
		clearTimeout(this.gathering);
		this.is_closed = true;
	}

	async load_newest() {
		if (this.is_loading) {
			this.load_again = true;
			return;
		}
		this.is_loading = true;
		const page = await this.fetch();
		this.is_loading = false;
		if (this.is_closed) return;
		if (page) this.take_newest(page);
		if (this.load_again) {
			this.load_again = false;
			this.refresh();
		}
	}

	take_newest(page) {
		const is_first = !this.messages.size;
		const has_new = page.some((message) => !this.messages.has(message.name));
		if (page.some((message) => this.messages.has(message.name))) {
			this.forget_missing(page);
		} else {
			// More came than fit on the page: what is known may not be joined to it with a gap in between.
			this.messages.clear();
			this.older.hidden = page.length < PAGE;
		}

		const was_at_end = is_first || this.is_at_end();
		const place = this.scroller.scrollTop;
		this.merge(page);
		this.empty.hidden = this.messages.size > 0;
		if (was_at_end) {
			this.scroll_to_end();
		} else {
			this.scroller.scrollTop = place;
			if (has_new) this.news.hidden = false;
		}
	}

	/** A row may vanish: the echo of an own message turns out to be that message. */
	forget_missing(page) {
		const names = new Set(page.map((message) => message.name));
		for (const message of this.messages.values()) {
			if (by_time(message, page[0]) > 0 && !names.has(message.name)) this.messages.delete(message.name);
		}
	}

	async load_older() {
		const first = this.in_order()[0];
		this.older.disabled = true;
		const page = await this.fetch(first?.name);
		this.older.disabled = false;
		if (!page || this.is_closed) return;
		this.older.hidden = page.length < PAGE;
		const from_end = this.scroller.scrollHeight - this.scroller.scrollTop;
		this.merge(page);
		this.scroller.scrollTop = this.scroller.scrollHeight - from_end;
	}

	fetch(before) {
		const was_clicked = Boolean(before) || !this.messages.size;
		return ask(
			"conversations.get_messages",
			{ conversation: this.conversation, limit: PAGE, ...(before && { before }) },
			{ silent: !was_clicked },
		);
	}

	/** Show a status at once; the look at the server that follows brings its reason. */
	set_status(name, status) {
		const message = this.messages.get(name);
		if (message && message.status !== status) {
			this.messages.set(name, { ...message, status });
			this.render();
		}
	}

	merge(page) {
		for (const message of page) this.messages.set(message.name, message);
		this.render();
	}

	in_order() {
		return [...this.messages.values()].sort(by_time);
	}

	/** Bring the page to what is known; nodes that say the same stay, so that a selection in them survives. */
	render() {
		const wanted = [];
		let day = null;
		for (const message of this.in_order()) {
			const its_day = day_of(message.timestamp_ms);
			if (its_day !== day) {
				day = its_day;
				const label = day_label(message.timestamp_ms);
				wanted.push({ key: `day ${day}`, signature: label, make: () => separator(label) });
			}
			wanted.push({
				key: message.name,
				signature: JSON.stringify(message),
				make: () => message_bubble(message, this.is_group),
			});
		}

		const rendered = new Map();
		let place = this.list.firstChild;
		for (const { key, signature, make } of wanted) {
			const known = this.rendered.get(key);
			const node = known?.signature === signature ? known.node : make();
			rendered.set(key, { node, signature });
			if (node === place) place = place.nextSibling;
			else this.list.insertBefore(node, place);
		}
		for (const [key, { node }] of this.rendered) if (rendered.get(key)?.node !== node) node.remove();
		this.rendered = rendered;
	}

	is_at_end() {
		const { scrollHeight, scrollTop, clientHeight } = this.scroller;
		return scrollHeight - scrollTop - clientHeight < NEAR_END;
	}

	scroll_to_end() {
		this.news.hidden = true;
		this.scroller.scrollTop = this.scroller.scrollHeight;
	}
}

function separator(label) {
	return element("div", "whatsapp-day", element("span", "", label));
}

/** The order in which the server pages. */
function by_time(a, b) {
	return a.timestamp_ms - b.timestamp_ms || compare(a.creation, b.creation) || compare(a.name, b.name);
}

function compare(a, b) {
	return a < b ? -1 : Number(a > b);
}
