/**
 * Installs the packages of folders that have a deno.json, where they aren't there yet; Secateur's own are those of ".":
 *
 *     deno run -A scripts/packages.ts . src/web …
 *
 * Deno could do so by itself, and where there is no network would end with a backtrace of its own.
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
    const whose = folder === "./" ? "Secateur" : folder;
    console.error(`Installing the packages of ${whose} …`);
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["install", "--quiet", "--frozen", "--config", `${root}${folder}deno.json`],
      env: { NO_COLOR: "1" },
    }).output();
    if (!success) throw new Error(withoutPackages(whose, new TextDecoder().decode(stderr)));
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
