/** Text from files, folders' names, recipes and posts, before it reaches a terminal or a page. */

/**
 * What a terminal obeys instead of showing: control characters (a newline and the escape that begins colours, titles and
 * links among them), what turns the direction of writing (Unicode's Bidi_Control), and the two separators of lines and
 * paragraphs that some terminals break lines at.
 */
const OBEYED = /[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}]/gu;

const SHORT: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/**
 * The text on one line, with each such character as JSON writes it: an escape becomes `\u001b`. A text that is JSON
 * already stays JSON of the same value, and a second pass changes nothing.
 */
export function visible(text: string): string {
  return text.replace(OBEYED, (one) => SHORT[one] ?? `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** The same for a text of several lines. */
export function visibleLines(text: string): string {
  return text.split("\n").map(visible).join("\n");
}
