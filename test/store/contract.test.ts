/** What every store promises, asked of each that Deno has. */
import { suite } from "uvu";
import { denoStore } from "../../src/store/deno.ts";
import { memoryStore } from "../../src/store/memory.ts";
import type { Store } from "../../src/store/types.ts";
import { contract } from "./contract.ts";

const root = await Deno.makeTempDir({ prefix: "secateur-store-" });

for (const [name, make] of [["memory", memoryStore], ["file system", denoStore]] as [string, () => Store][]) {
  const test = suite(`store: ${name}`);
  for (const [i, [title, check]] of contract.entries()) {
    test(title, () => check(make(), `${root}/${name.replace(" ", "-")}-${i}`));
  }
  test.run();
}
