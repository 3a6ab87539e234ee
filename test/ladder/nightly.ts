/**
 * `deno run -A test/ladder/nightly.ts --count 1000 [--from 0] [--networks pruned | merged]`: the equality ladder over many
 * networks. Exits with 1 where a rung is off. ONNX Runtime and the browser's driver are packages of test/browser only, so the work runs with its
 * configuration.
 */
import { parseArgs } from "node:util";

const browser = `${import.meta.dirname}/../browser`;
const { values } = parseArgs({
  options: {
    count: { type: "string", default: "1000" },
    from: { type: "string", default: "0" },
    networks: { type: "string", default: "pruned" },
  },
});
const { networks, ...numbers } = values;
if (!["pruned", "merged"].includes(networks)) {
  console.error(`--networks is ${networks}, expected pruned or merged`);
  Deno.exit(2);
}
for (const [name, text] of Object.entries(numbers)) {
  if (/^\d+$/.test(text)) continue;
  console.error(`--${name} is ${text}, expected a whole number`);
  Deno.exit(2);
}
const { code } = await new Deno.Command(Deno.execPath(), {
  args: [
    ...["run", "-A", "--config", `${browser}/deno.json`, `${browser}/ladder_nightly.ts`],
    ...[networks, values.from, values.count],
  ],
}).spawn().status;
Deno.exit(code);
