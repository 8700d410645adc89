/**
 * What a page hears about one document, for as long as the page is open.
 *
 * Frappe's own `doc_subscribe` drops all but one call a second and is not repeated when the connection comes back, so the
 * subscription is asked for here. It is not taken back on close: Frappe's form has the same room open for as long as the
 * browser's tab lives and would miss its own events.
 */

// An event may pass before the server has let us in: look again when it surely has.
const SECONDS_TO_ENTER = 1.5;

export class DocumentRoom {
	/**
	 * @param {string} doctype
	 * @param {string} name
	 * @param {Object<string, function(Object)>} handlers - by event. One event may be heard twice: it goes to several rooms.
	 * @param {function()} [catch_up] - called when events may have been missed; looks at the server for what is new.
	 */
	constructor(doctype, name, handlers, catch_up) {
		this.doctype = doctype;
		this.name = name;
		this.catch_up = catch_up;
		this.handlers = { ...handlers, connect: () => this.enter() };
		this.on_visible = () => this.reconnect();
	}

	open() {
		for (const [event, handler] of Object.entries(this.handlers)) frappe.realtime.on(event, handler);
		document.addEventListener("visibilitychange", this.on_visible);
		this.enter();
		return this;
	}

	close() {
		clearTimeout(this.entering);
		for (const [event, handler] of Object.entries(this.handlers)) frappe.realtime.off(event, handler);
		document.removeEventListener("visibilitychange", this.on_visible);
	}

	enter() {
		if (!frappe.realtime.socket) return; // realtime is switched off on this site
		frappe.realtime.emit("doc_subscribe", this.doctype, this.name);
		clearTimeout(this.entering);
		if (this.catch_up) this.entering = setTimeout(this.catch_up, SECONDS_TO_ENTER * 1000);
	}

	// The Desk gives up after three failed tries, so a laptop that wakes up would stay deaf.
	reconnect() {
		const { socket } = frappe.realtime;
		if (document.visibilityState === "visible" && socket && !socket.connected) socket.connect();
	}
}
