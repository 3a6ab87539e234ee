import { visibleLines } from "../visible.ts";

/** HTML text that is safe to put into a page; only `markup` and `raw` make it. */
export interface Html {
  readonly html: string;
}

export type Content = Html | string | number | readonly Content[];

/** A template whose holes are escaped, unless they are HTML already. */
export function markup(strings: TemplateStringsArray, ...holes: readonly Content[]): Html {
  return raw(strings.reduce((text, part, i) => text + render(holes[i - 1]) + part));
}

/** Takes text as HTML: only for what this program has made. */
export function raw(text: string): Html {
  return { html: text };
}

/**
 * For text and for attributes in either kind of quotes. Names come from files: what would turn the direction of writing,
 * and control characters, which no page may hold, become visible.
 */
export function escapeHtml(text: string): string {
  return visibleLines(text).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

export function render(content: Content): string {
  if (typeof content === "object") return "html" in content ? content.html : content.map(render).join("");
  return escapeHtml(String(content));
}

export interface Column {
  readonly label: string;
  /** Words stand left, numbers right. */
  readonly kind?: "words" | "numbers";
}

const MANY_ROWS = 24;

/** A table with a caption that scrolls on its own where it is too wide; each row's first cell is its header. */
export function table(caption: string, columns: readonly Column[], rows: readonly (readonly Content[])[]): Html {
  const align = (i: number) => columns[i].kind === "words" ? raw(' class="words"') : "";
  const head = columns.map(({ label }, i) => markup`<th scope="col"${align(i)}>${label}</th>`);
  const body = rows.map(([first, ...rest]) =>
    markup`<tr><th scope="row">${first}</th>${rest.map((cell, i) => markup`<td${align(i + 1)}>${cell}</td>`)}</tr>\n`
  );
  const whole = markup`<div class="scroll" role="region" tabindex="0" aria-label="${caption}"><table>
<caption><span>${caption}</span></caption>
<thead><tr>${head}</tr></thead>
<tbody>
${body}</tbody>
</table></div>
`;
  if (rows.length <= MANY_ROWS) return whole;
  return markup`<details>
<summary>${caption} (${rows.length} rows)</summary>
${whole}</details>
`;
}
