/** Runs in the page: what every store promises, asked of IndexedDB. Gives the titles of the checks and what failed. */
import { indexedDbStore } from "../../../src/web/engine/store.ts";
import { contract } from "../../store/contract.ts";

export default async function store(): Promise<{ titles: readonly string[]; failures: readonly string[] }> {
  const failures: string[] = [];
  for (const [i, [title, check]] of contract.entries()) {
    try {
      await check(indexedDbStore("test"), `folder-${i}`);
    } catch (error) {
      failures.push(`${title}: ${(error as Error).message}`);
    }
  }
  // Another connection, as after the page was loaded anew.
  await indexedDbStore("test").write("kept/file", Uint8Array.of(1, 2, 3));
  const again = await indexedDbStore("test").read("kept/file");
  if (again?.join() !== "1,2,3") failures.push(`kept between visits: found ${again}`);
  return { titles: contract.map(([title]) => title), failures };
}
