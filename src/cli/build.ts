import { Command } from "commander";
import { UserError } from "../errors.ts";
import { count } from "../report/format.ts";
import { joinPath, normalisePath } from "../store/path.ts";
import type { Io } from "./io.ts";
import { META_POLICY } from "./server/headers.ts";

/** What a build before may have written, below its folder. */
const OWN = /^(app|models|data)\//;

export function buildCommand(io: Io): Command {
  return new Command("build")
    .description("write the phone page as static files, for any web server (docs/phone.md says which headers it wants)")
    .option("--out <dir>", "folder of the files; one that holds other files is refused", "dist")
    .action(async (options: { out: string }) => {
      const out = normalisePath(options.out);
      const { store } = io;
      const before = await store.list(out);
      if (before.length > 0 && !before.includes(joinPath(out, "app/main.js"))) {
        throw new UserError(`${options.out} holds other files than the page's: name a new folder with --out`);
      }
      const files = await (await io.serving()).bundle(`secateur ${io.version()}`);
      // What else was put beside the page, such as a host's own settings, stays.
      for (const file of before) if (OWN.test(file.slice(joinPath(out, "").length))) await store.remove(file);
      for (const [path, bytes] of files) {
        await store.write(joinPath(out, path), path === "index.html" ? withPolicy(bytes) : bytes);
      }
      const size = [...files.values()].reduce((sum, bytes) => sum + bytes.length, 0);
      io.out(`${files.size} files, ${count(size)} bytes: ${joinPath(out, "index.html")}`);
    });
}

/** The page's policy inside the page, for hosts that send none. */
function withPolicy(page: Uint8Array): Uint8Array {
  const html = new TextDecoder().decode(page);
  return new TextEncoder().encode(
    html.replace("<head>", `<head>\n    <meta http-equiv="Content-Security-Policy" content="${META_POLICY}" />`),
  );
}
