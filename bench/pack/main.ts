/** `main.ts DIR [--with-deno]`: bench/main.ts, which starts it, has checked the arguments. */
import { megabytes, writePack } from "./write_pack.ts";

const [directory, along] = Deno.args;
try {
  const bytes = await writePack(directory, { deno: along === undefined ? "there" : "along" });
  console.log(
    `${directory}: ${megabytes(bytes)}; there, run\n\n    sh run.sh\n\nand bring its JSON file back to --import`,
  );
} catch (error) {
  console.error(`bench: ${(error as Error).message}`);
  Deno.exit(1);
}
