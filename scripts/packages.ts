/**
 * Installs the packages of folders that have a deno.json of their own, where they aren't there yet:
 *
 *     deno run -A scripts/packages.ts src/web …
 *
 * Secateur's own are fetched by `deno task` itself, before anything of ours runs.
 */
import { withoutPackages } from "./requirements.ts";

const root = new URL("../", import.meta.url).pathname;
/** Holds what the packages beside it were installed for, so that only another deno.json or deno.lock needs another installation. */
const MARK = "node_modules/.installed-for";

/** @throws Error with one line that says what is missing and what to do, where packages can't be fetched */
export async function installPackages(folders: readonly string[]): Promise<void> {
  for (const folder of folders.map((name) => `${name}/`)) {
    const wanted = await fingerprint(folder);
    if (wanted === await Deno.readTextFile(`${root}${folder}${MARK}`).catch(() => "")) continue;
    console.error(`Installing the packages of ${folder} …`);
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["install", "--quiet", "--frozen", "--config", `${root}${folder}deno.json`],
      env: { NO_COLOR: "1" },
    }).output();
    if (!success) throw new Error(withoutPackages(folder, new TextDecoder().decode(stderr)));
    await Deno.writeTextFile(`${root}${folder}${MARK}`, wanted);
  }
}

async function fingerprint(folder: string): Promise<string> {
  const texts = await Promise.all(
    ["deno.json", "deno.lock"].map((name) => Deno.readTextFile(`${root}${folder}${name}`)),
  );
  const bytes = new TextEncoder().encode(texts.join("\0"));
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

if (import.meta.main) {
  try {
    await installPackages(Deno.args);
  } catch (error) {
    console.error((error as Error).message);
    Deno.exit(1);
  }
}
