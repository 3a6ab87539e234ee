/**
 * What takes longer than the suite may: `deno task nightly [names of parts …]`. Each part is a program of its own; all run,
 * and the last lines say which failed. Exits with 1 if one did, with 2 for a name that there is not.
 */
import { NIGHTLY } from "./parts.ts";

const unknown = Deno.args.filter((name) => !NIGHTLY.some((part) => part.name === name));
if (unknown.length > 0) {
  console.error(`there is no part "${unknown[0]}"; there are ${NIGHTLY.map(({ name }) => name).join(", ")}`);
  Deno.exit(2);
}
const root = `${import.meta.dirname}/../..`;
const results: string[] = [];
let failed = false;
for (const { name, what, script, args } of NIGHTLY) {
  if (Deno.args.length > 0 && !Deno.args.includes(name)) continue;
  console.log(`\n${name}: ${what}\n`);
  const started = performance.now();
  const { code } = await new Deno.Command(Deno.execPath(), { args: ["run", "-A", script, ...args], cwd: root }).spawn()
    .status;
  const minutes = ((performance.now() - started) / 60_000).toFixed(1);
  results.push(`${name}: ${code === 0 ? "passed" : `FAILED with exit code ${code}`} in ${minutes} minutes`);
  failed ||= code !== 0;
}
console.log(`\n${results.join("\n")}`);
Deno.exit(failed ? 1 : 0);
