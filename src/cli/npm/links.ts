/** A block of code between fences, or a link, or a picture in Markdown's or HTML's form. */
const PARTS = /^```[\s\S]*?^```|(!?)\[([^\]]*)\]\(([^)\s]+)\)|<img src="([^"]*)"[^>]*?alt="([^"]*)"[^>]*>/gm;

/**
 * A Markdown text whose links to files that `has` denies have become their words, and such pictures their descriptions.
 * @param path of the text's own file: relative links begin there
 */
export function withoutDeadLinks(text: string, path: string, has: (path: string) => boolean): string {
  return text.replace(PARTS, (whole, mark, words, target, source, alt) => {
    const to = target ?? source;
    if (to === undefined || leads(to, path, has)) return whole;
    return mark || source ? `(Picture: ${alt ?? words})` : words;
  });
}

function leads(to: string, path: string, has: (path: string) => boolean): boolean {
  return /^[a-z]+:/.test(to) || has(new URL(to, `file:///${path}`).pathname.slice(1));
}
