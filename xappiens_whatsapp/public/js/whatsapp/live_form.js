// A form that shows what happens to its document elsewhere, without a reload.
import { DocumentRoom } from "./document_room";
import { read_values } from "./server";

/**
 * Hear events about the form's document until the form shows another one or is left. Calling it again is harmless.
 *
 * @param {Object} frm
 * @param {Object<string, function(Object)>} handlers - by event
 * @param {function()} catch_up - called when events may have been missed
 */
export function follow_form(frm, handlers, catch_up) {
	const leave = () => {
		frm.whatsapp_room?.close();
		frm.whatsapp_room = null;
	};
	if (frm.whatsapp_room?.name === frm.doc.name) return;
	leave();
	frm.whatsapp_room = new DocumentRoom(frm.doctype, frm.doc.name, handlers, catch_up).open();
	$(frm.wrapper).off("hide.whatsapp").on("hide.whatsapp", leave);
}

/**
 * Read anew what people cannot edit on the form. What somebody is typing stays, and so does the place on the page.
 *
 * @param {Object} frm
 * @returns {Promise<boolean>} whether anything has changed
 */
export async function bring_up_to_date(frm) {
	const name = frm.doc.name;
	const fields = frm.meta.fields
		.filter((df) => df.read_only && !df.hidden && !frappe.model.no_value_type.includes(df.fieldtype))
		.map((df) => df.fieldname);
	const row = await read_values(frm.doctype, name, [...fields, "modified"]);
	if (!row || frm.doc.name !== name) return false;

	const changed = Object.keys(row).filter((field) => (frm.doc[field] ?? "") !== (row[field] ?? ""));
	for (const field of changed) frm.doc[field] = row[field];
	for (const field of changed) frm.fields_dict[field]?.refresh();
	return changed.length > 0;
}
