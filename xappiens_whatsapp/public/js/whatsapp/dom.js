// Elements from plain text. What other people wrote is never taken for HTML.

/**
 * @param {string} tag
 * @param {string} class_name
 * @param {...(Node|string|*)} children - strings become text, what is falsy is left out
 */
export function element(tag, class_name, ...children) {
	const node = document.createElement(tag);
	if (class_name) node.className = class_name;
	node.append(...children.filter(Boolean));
	return node;
}

const PATHS = {
	clock: "M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11M8 5v3.2l2.2 1.3",
	question: "M6 6.2a2 2 0 1 1 2.9 1.8c-.6.3-.9.7-.9 1.4M8 11.6v.1M8 2a6 6 0 1 0 0 12 6 6 0 0 0 0-12",
	tick: "M3.5 8.5l3 3 6-7",
	ticks: "M1 8.5l3 3 6-7M7.2 10.7l.8.8 6-7",
	warning: "M8 4.8v3.8M8 11v.1M8 2a6 6 0 1 0 0 12 6 6 0 0 0 0-12",
	cancelled: "M3.8 3.8l8.4 8.4M8 2a6 6 0 1 0 0 12 6 6 0 0 0 0-12",
	image: "M2.5 3.5h11v9h-11zM2.5 11l3.2-3.2 2.3 2.3 2.6-2.6 2.9 2.9M5.6 6.2v.1",
	video: "M2 4.5h8v7H2zM10 7.2l4-2v5.6l-4-2",
	audio:
		"M8 2.5a1.8 1.8 0 0 1 1.8 1.8v3.2a1.8 1.8 0 0 1-3.6 0V4.3A1.8 1.8 0 0 1 8 2.5M4.2 7.5a3.8 3.8 0 0 0 7.6 0M8 11.3v2.2",
	document: "M4 2h5l3.5 3.5V14H4zM9 2v3.5h3.5M6 8.5h4.5M6 11h4.5",
	sticker: "M3 3h10v6l-4 4H3zM13 9H9v4M5.8 6.2v.1M9.8 6.2v.1",
	location:
		"M8 14s4.5-4.2 4.5-7.5a4.5 4.5 0 0 0-9 0C3.5 9.8 8 14 8 14M8 5.2a1.4 1.4 0 1 0 0 2.8 1.4 1.4 0 0 0 0-2.8",
	contact: "M8 8a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5M3 13.5c.5-2.8 2.5-4 5-4s4.5 1.2 5 4",
	list: "M3 4.5h.1M3 8h.1M3 11.5h.1M5.5 4.5h7.5M5.5 8h7.5M5.5 11.5h7.5",
};
const SVG = "http://www.w3.org/2000/svg";

/** @param {keyof PATHS} name */
export function icon(name) {
	const svg = document.createElementNS(SVG, "svg");
	svg.setAttribute("viewBox", "0 0 16 16");
	svg.setAttribute("aria-hidden", "true");
	svg.setAttribute("class", "whatsapp-icon");
	const path = document.createElementNS(SVG, "path");
	path.setAttribute("d", PATHS[name]);
	svg.append(path);
	return svg;
}
