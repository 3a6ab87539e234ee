/** The frame of a page that is one file: no font, nothing from a network, and no script but its own. */
import { type Html, markup, raw } from "./markup.ts";

export interface PageOptions {
  readonly title: string;
  /** Style sheets, as text. */
  readonly styles: readonly string[];
  /** Images within the page, as data. */
  readonly images?: "data";
  readonly body: Html;
  /** Its hash is the only one that the page lets a browser run; the page must say as much without it. */
  readonly script?: PageScript;
  /** What the script may ask over the network: its own server, where it has one. */
  readonly connects?: "self";
  /** The page is loaded anew so often. */
  readonly refreshSeconds?: number;
}

export interface PageScript {
  readonly text: string;
  /** Of the text, in base64. */
  readonly sha256: string;
}

/** @param text of a module that imports nothing */
export async function pageScript(text: string): Promise<PageScript> {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return { text, sha256: new Uint8Array(hash).toBase64() };
}

export function renderPage({ title, styles, images, body, script, connects, refreshSeconds }: PageOptions): string {
  const policy = [
    "default-src 'none'",
    "style-src 'unsafe-inline'",
    ...images ? [`img-src ${images}:`] : [],
    ...connects ? [`connect-src '${connects}'`] : [],
    ...script ? [`script-src 'sha256-${script.sha256}'`] : [],
  ].join("; ");
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${raw(policy)}">
${
    refreshSeconds === undefined ? "" : markup`<meta http-equiv="refresh" content="${refreshSeconds}">
`
  }<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<style>
${raw(styles.join(""))}</style>
</head>
<body>
${body}${script ? raw(`<script type="module">${script.text}</script>\n`) : ""}</body>
</html>
`.html;
}
