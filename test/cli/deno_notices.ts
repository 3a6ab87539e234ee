/** What Deno itself says while it waits for another Deno that sets up the packages, which is none of our output. */

// deno-lint-ignore no-control-regex
const WAITING = /^(?:\x1b\[[\d;]*m)*Blocking(?:\x1b\[[\d;]*m)* waiting for file lock[^\n]*\n/gm;

/** The same text without such lines. */
export function withoutDenoNotices(text: string): string {
  return text.replace(WAITING, "");
}
