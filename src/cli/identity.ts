/** Which Secateur this is. */
import { sha256 } from "../formats/sha256.ts";

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

/** SHA-256 over every file that decides what a run comes to: the same whatever a checkout says of itself. */
export async function sourceHash(): Promise<string> {
  const parts: string[] = [];
  for (const folder of ["kernels", "src"]) await addHashes(new URL(`${folder}/`, root), folder, parts);
  return await sha256(new TextEncoder().encode(parts.sort().join("\n")));
}

async function addHashes(folder: URL, name: string, parts: string[]): Promise<void> {
  for await (const entry of Deno.readDir(folder)) {
    const path = `${name}/${entry.name}`;
    if (entry.isDirectory && entry.name !== "node_modules") {
      await addHashes(new URL(`${entry.name}/`, folder), path, parts);
    } else if (entry.isFile && /\.(ts|wgsl|yaml|npy|gz)$/.test(entry.name)) {
      parts.push(`${path} ${await sha256(await Deno.readFile(new URL(entry.name, folder)))}`);
    }
  }
}
