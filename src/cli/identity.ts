/** Which Secateur this is. */

const root = new URL("../../", import.meta.url);

/** As deno.json says. */
export function version(): string {
  return JSON.parse(Deno.readTextFileSync(new URL("deno.json", root))).version;
}

/** The commit that is checked out, "+" appended if files differ from it; "unknown" outside a clone or without git. */
export async function commit(): Promise<string> {
  const head = await git("rev-parse", "--short=12", "HEAD");
  if (head === undefined) return "unknown";
  return head + (await git("status", "--porcelain", "--untracked-files=no") ? "+" : "");
}

async function git(...args: string[]): Promise<string | undefined> {
  try {
    const { success, stdout } = await new Deno.Command("git", { args, cwd: root, stderr: "null" }).output();
    return success ? new TextDecoder().decode(stdout).trim() : undefined;
  } catch {
    return undefined;
  }
}
