/** The frame of a page that is one file: no script, no font, no link, nothing from a network. */
import { type Html, markup, raw } from "./markup.ts";

export interface PageOptions {
  readonly title: string;
  /** Style sheets, as text. */
  readonly styles: readonly string[];
  /** Images within the page, as data. */
  readonly images?: "data";
  readonly body: Html;
}

export function renderPage({ title, styles, images, body }: PageOptions): string {
  const policy = `default-src 'none'; style-src 'unsafe-inline'${images ? `; img-src ${images}:` : ""}`;
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${raw(policy)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<style>
${raw(styles.join(""))}</style>
</head>
<body>
${body}</body>
</html>
`.html;
}
