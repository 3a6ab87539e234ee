import { Command } from "commander";
import { UserError } from "../errors.ts";
import { count } from "../report/format.ts";
import { joinPath } from "../store/path.ts";
import type { Io } from "./io.ts";

export function buildCommand(io: Io): Command {
  return new Command("build")
    .description("write the phone page as static files, for any web server (docs/phone.md says which headers it wants)")
    .option("--out <dir>", "folder of the files; one that holds other files is refused", "dist")
    .action(async ({ out }: { out: string }) => {
      const { store } = io;
      const before = await store.list(out);
      if (before.length > 0 && !before.includes(joinPath(out, "app/main.js"))) {
        throw new UserError(`${out} holds other files than the page's: name a new folder with --out`);
      }
      const files = await (await io.serving()).bundle(`secateur ${io.version()}`);
      for (const file of before) await store.remove(file);
      for (const [path, bytes] of files) await store.write(joinPath(out, path), bytes);
      const size = [...files.values()].reduce((sum, bytes) => sum + bytes.length, 0);
      io.out(`${files.size} files, ${count(size)} bytes: ${joinPath(out, "index.html")}`);
    });
}
