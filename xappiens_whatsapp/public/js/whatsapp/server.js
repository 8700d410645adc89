// Questions to the server. A refusal is an answer too: what was asked is then unknown.

/**
 * @param {string} method - below xappiens_whatsapp.api, as "session.get_qr_code"
 * @param {Object} args
 * @param {Object} [options] - of frappe.call. `silent` where nobody has clicked; else Frappe shows a refusal.
 * @returns {Promise<*>} what the function returns; undefined if it was refused or the server could not be reached
 */
export function ask(method, args, options) {
	return answer_of({ method: `xappiens_whatsapp.api.${method}`, args, ...options });
}

/**
 * @param {string} doctype
 * @param {string} name
 * @param {string[]} fields
 * @returns {Promise<Object|undefined>} the fields' values as they are now; undefined if they cannot be read
 */
export function read_values(doctype, name, fields) {
	return answer_of({
		method: "frappe.client.get_value",
		type: "GET",
		args: { doctype, filters: name, fieldname: JSON.stringify(fields) },
		silent: true,
	});
}

function answer_of(options) {
	return new Promise((resolve) => {
		frappe.call(options).then(
			({ message }) => resolve(message),
			() => resolve(undefined),
		);
	});
}
