/** Installs the page's packages where no task has yet: only those who serve the page need them. */
import { UserError } from "../../errors.ts";

const FOLDER = "src/web";
const root = new URL("../../../", import.meta.url);

/** @throws UserError where they can't be fetched */
export async function installPagePackages(): Promise<void> {
  const there = await Deno.stat(new URL(`${FOLDER}/node_modules`, root)).then(() => true, () => false);
  if (there) return;
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--cached-only", new URL("scripts/packages.ts", root).href, FOLDER],
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) throw new UserError(new TextDecoder().decode(stderr).trim().split("\n").at(-1)!);
}
