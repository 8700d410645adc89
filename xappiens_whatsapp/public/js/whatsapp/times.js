// Times of messages in the user's time zone and format. From the exact moment: an hour a year is ambiguous otherwise.

function moment_of(timestamp_ms) {
	const zone = frappe.boot.time_zone?.user || frappe.boot.time_zone?.system;
	return zone ? moment(timestamp_ms).tz(zone) : moment(timestamp_ms);
}

/** "09:41" */
export function time_of(timestamp_ms) {
	const has_half_days = /a/i.test(frappe.datetime.get_user_time_fmt());
	return moment_of(timestamp_ms).format(has_half_days ? "h:mm A" : "HH:mm");
}

/** "2026-11-24": the same for all messages of one day */
export function day_of(timestamp_ms) {
	return moment_of(timestamp_ms).format("YYYY-MM-DD");
}

/** "Today", "Yesterday", or the date as the user writes dates */
export function day_label(timestamp_ms) {
	const day = day_of(timestamp_ms);
	if (day === day_of(Date.now())) return __("Today");
	if (day === moment_of(Date.now()).subtract(1, "day").format("YYYY-MM-DD")) return __("Yesterday");
	return moment_of(timestamp_ms).format(frappe.datetime.get_user_date_fmt().toUpperCase());
}

/**
 * @param {string} site_time - a Datetime of the site
 * @returns {number} seconds from now on; negative if it has passed
 */
export function seconds_until(site_time) {
	const zone = frappe.boot.time_zone?.system;
	const then = zone ? moment.tz(site_time, zone) : moment(site_time);
	return then.diff(moment(), "seconds", true);
}
