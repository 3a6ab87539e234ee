/**
 * Loads cases FROM … TO of SEED: `deno run test/fuzz/child.ts SEED FROM TO`, with no permission but to read the image
 * decoders, so that whatever a file made us do would fail. Tells each case before it begins, and how it ended.
 */
import { load } from "./load.ts";
import { makeCase } from "./mutate.ts";

const [seed, from, to] = Deno.args.map(Number);
const globals = Object.getOwnPropertyNames(globalThis).length + Object.getOwnPropertyNames(Object.prototype).length;

for (let number = from; number < to; number++) {
  console.log(`begin ${number}`);
  const made = makeCase(seed, number);
  try {
    console.log(await load(made));
    const after = Object.getOwnPropertyNames(globalThis).length + Object.getOwnPropertyNames(Object.prototype).length;
    if (after !== globals) throw new Error("global names were changed");
  } catch (error) {
    console.log(`failed ${JSON.stringify(error instanceof Error ? error.stack ?? error.message : String(error))}`);
  }
}
console.log("end");
