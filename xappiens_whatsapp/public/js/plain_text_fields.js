// What strangers wrote and how they call themselves is text, not HTML. Frappe shows text fields of a form, a list or a
// report as HTML and relies on markup being taken out when a document is saved; messages are kept word for word.
for (const doctype of [
	"WhatsApp Contact",
	"WhatsApp Conversation",
	"WhatsApp Message",
	"WhatsApp Message Reaction",
	"WhatsApp Session",
	"WhatsApp Sync Run",
	"WhatsApp Webhook Event",
]) {
	const fields = frappe.get_meta(doctype)?.fields || [];
	for (const df of fields) {
		if (!["Data", "Small Text", "Text", "Long Text"].includes(df.fieldtype) || df.options) continue;
		// Only what opens a tag or ends an attribute: newer Frappe escapes some of it beforehand, `&lt;` must stay so.
		df.formatter = (value, _df, options) =>
			String(value ?? "")
				.replace(/</g, "&lt;")
				.replace(/>/g, "&gt;")
				.replace(/"/g, "&quot;")
				.replace(/'/g, "&#39;")
				.replace(/\n/g, options?.inline ? "<br>" : " "); // lines on a form, one line in a list
	}
}
