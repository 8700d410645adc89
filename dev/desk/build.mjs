// Bundles the Desk: BENCH=/path node build.mjs [APP...] (all apps of sites/apps.txt unless some are named).
// Reads apps/APP/APP/public/**/*.bundle.{js,ts,css,scss,sass}; writes public/dist, sites/assets/assets*.json and
// the links below sites/assets. It stands in for Frappe's own esbuild folder, which no package registry has.
import crypto from "node:crypto";
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

const bench = process.env.BENCH;
const assets = path.join(bench, "sites/assets");
const read = (file) => fs.readFileSync(file, "utf8");
const installed = read(path.join(bench, "sites/apps.txt")).split(/\s+/).filter(Boolean);
const apps = process.argv.length > 2 ? process.argv.slice(2) : installed;

const nodeModules = (app) => path.join(bench, "apps", app, "node_modules");
const moduleFolders = [...new Set([...apps, "frappe"])]
	.map(nodeModules)
	.filter((folder) => fs.existsSync(folder));

const require = createRequire(path.join(bench, "apps/frappe/package.json"));
const esbuild = require("esbuild");
const rtlcss = require("rtlcss");
const sass = require("sass");
const sfc = require("@vue/compiler-sfc");

// The two ways in which sources name a file elsewhere: "frappe/public/x" and "~package/x"
function fileOfApp(name) {
	const app = name.split("/")[0];
	return installed.includes(app) ? path.join(bench, "apps", app, name) : undefined;
}

function fileOfPackage(name) {
	const bare = name.replace(/^~/, "");
	const folder = moduleFolders.find((folder) => fs.existsSync(path.join(folder, bare.split("/")[0])));
	return folder && path.join(folder, bare);
}

function findFileUrl(name) {
	const file = name.startsWith("~") ? fileOfPackage(name) : fileOfApp(name) || fileOfPackage(name);
	return file ? new URL(`file://${file}`) : null;
}

function compileSass(file, text) {
	return sass.compileString(text, {
		url: new URL(`file://${file}`),
		syntax: file.endsWith(".sass") ? "indented" : "scss",
		importers: [{ findFileUrl }],
		loadPaths: [path.dirname(file), ...moduleFolders],
		quietDeps: true,
		logger: sass.Logger.silent,
	}).css;
}

const styles = {
	name: "styles",
	setup(build) {
		build.onLoad({ filter: /\.s[ac]ss$/ }, ({ path: file }) => ({
			contents: compileSass(file, read(file)),
			loader: "css",
			resolveDir: path.dirname(file),
		}));
		build.onResolve({ filter: /^\/assets\// }, ({ path: name }) => ({ path: name, external: true }));
		build.onResolve({ filter: new RegExp(`^(${installed.join("|")})/`) }, ({ path: name }) => ({
			path: fileOfApp(name),
		}));
	},
};

// import "./x.html" makes frappe.templates.x
const templates = {
	name: "templates",
	setup(build) {
		build.onLoad({ filter: /\.html$/ }, ({ path: file }) => {
			const html = read(file)
				.replace(/<!--[\s\S]*?-->/g, "")
				.replace(/\s+/g, " ");
			const name = JSON.stringify(path.basename(file, ".html"));
			return { contents: `(frappe.templates ??= {})[${name}] = ${JSON.stringify(html)};`, loader: "js" };
		});
	},
};

// Vue 3 components: the template is compiled into the script, the styles become an import of their own
function compileVue(file) {
	const { descriptor, errors } = sfc.parse(read(file), { filename: file });
	if (errors.length) {
		return { errors: errors.map((error) => ({ text: error.message, location: { file } })) };
	}
	const { script, scriptSetup, template } = descriptor;
	const id = crypto.createHash("sha256").update(path.relative(bench, file)).digest("hex").slice(0, 8);
	const scopeId = `data-v-${id}`;
	const scoped = descriptor.styles.some((style) => style.scoped);
	const compilerOptions = { scopeId: scoped ? scopeId : undefined };

	let code = "const component = {};";
	if (script || scriptSetup) {
		code = sfc.compileScript(descriptor, {
			id,
			genDefaultAs: "component",
			inlineTemplate: Boolean(scriptSetup),
			templateOptions: { compilerOptions },
		}).content;
	}
	if (template && !scriptSetup) {
		const source = template.content;
		const render = sfc.compileTemplate({ id, filename: file, source, scoped, compilerOptions }).code;
		code += `${render.replace("export function render", "\nfunction render")}\ncomponent.render = render;`;
	}
	if (scoped) {
		code += `\ncomponent.__scopeId = "${scopeId}";`;
	}
	const css = descriptor.styles
		.map((style) => {
			const source = /^s[ac]ss$/.test(style.lang) ? compileSass(file, style.content) : style.content;
			return sfc.compileStyle({ id: scopeId, filename: file, scoped: style.scoped, source }).code;
		})
		.join("\n");
	if (css) {
		code = `import ${JSON.stringify(`${file}.css`)};\n${code}`;
	}
	const loader = (scriptSetup || script)?.lang || "js";
	return { css, contents: `${code}\nexport default component;`, loader, resolveDir: path.dirname(file) };
}

const vue = {
	name: "vue",
	setup(build) {
		const stylesheets = new Map();
		build.onResolve({ filter: /\.vue\.css$/ }, ({ path: name }) => ({ path: name, namespace: "vue-css" }));
		build.onLoad({ filter: /./, namespace: "vue-css" }, ({ path: file }) => ({
			contents: stylesheets.get(file),
			loader: "css",
			resolveDir: path.dirname(file),
		}));
		build.onLoad({ filter: /\.vue$/ }, ({ path: file }) => {
			const { css, ...result } = compileVue(file);
			stylesheets.set(`${file}.css`, css);
			return result;
		});
	},
};

function link(target, name) {
	fs.rmSync(name, { recursive: true, force: true });
	fs.symlinkSync(path.relative(path.dirname(name), target), name);
}

function bundlesOf(folder) {
	const entryPoints = {};
	for (const file of fs.readdirSync(folder, { recursive: true })) {
		const found = /^(?!.*node_modules)(?:.*\/)?([^/]+\.bundle)\.(js|ts|css|scss|sass)$/.exec(file);
		if (found) {
			const kind = found[2].endsWith("ss") ? "css" : "js";
			entryPoints[`${kind}/${found[1]}`] = path.join(folder, file);
		}
	}
	return entryPoints;
}

const media = ["woff", "woff2", "ttf", "eot", "otf", "svg", "png", "gif"];

async function bundle(app, entryPoints, dist) {
	const { metafile } = await esbuild.build({
		entryPoints,
		outdir: dist,
		entryNames: "[dir]/[name].[hash]",
		assetNames: "media/[name].[hash]",
		publicPath: `/assets/${app}/dist`,
		bundle: true,
		minify: true,
		sourcemap: true,
		metafile: true,
		format: "iife",
		target: "es2019",
		logLevel: "error",
		nodePaths: moduleFolders,
		absWorkingDir: bench,
		plugins: [styles, templates, vue],
		loader: Object.fromEntries(media.map((suffix) => [`.${suffix}`, "file"])),
		define: {
			"process.env.NODE_ENV": '"production"',
			__VUE_OPTIONS_API__: "true",
			__VUE_PROD_DEVTOOLS__: "false",
			global: "window",
		},
	});
	return Object.keys(metafile.outputs).map((file) => path.join(bench, file));
}

// The names by which Frappe asks for bundles, left to right and right to left, and their files
const jsonFiles = ["assets.json", "assets-rtl.json"].map((name) => path.join(assets, name));
const [names, rtlNames] = jsonFiles.map((file) => (fs.existsSync(file) ? JSON.parse(read(file)) : {}));

for (const app of apps) {
	const folder = path.join(bench, "apps", app, app, "public");
	for (const list of [names, rtlNames]) {
		for (const name of Object.keys(list)) {
			if (list[name].startsWith(`/assets/${app}/`)) delete list[name];
		}
	}
	if (!fs.existsSync(folder)) continue;
	link(folder, path.join(assets, app));
	if (fs.existsSync(nodeModules(app))) link(nodeModules(app), path.join(folder, "node_modules"));
	const dist = path.join(folder, "dist");
	fs.rmSync(dist, { recursive: true, force: true });
	const entryPoints = bundlesOf(folder);
	if (!Object.keys(entryPoints).length) continue;
	for (const file of await bundle(app, entryPoints, dist)) {
		const found = /([^/]+\.bundle)\.[A-Z0-9]{8}\.(js|css)$/.exec(file);
		if (!found) continue;
		const [, name, kind] = found;
		names[`${name}.${kind}`] = `/assets/${app}/dist/${kind}/${path.basename(file)}`;
		if (kind === "css") {
			const target = path.join(dist, "css-rtl", path.basename(file));
			fs.mkdirSync(path.dirname(target), { recursive: true });
			fs.writeFileSync(target, rtlcss.process(read(file)));
			rtlNames[`rtl_${name}.css`] = `/assets/${app}/dist/css-rtl/${path.basename(file)}`;
		}
	}
}
jsonFiles.forEach((file, index) => {
	fs.writeFileSync(`${file}.new`, JSON.stringify([names, rtlNames][index], null, 1));
	fs.renameSync(`${file}.new`, file);
});
console.log(`${Object.keys(names).length} bundles, ${apps.join(", ")} built`);
