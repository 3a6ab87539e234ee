/** The test files that a pack carries: those that hold kernels against float64, by the folders below test/. */

const FOLDERS = ["tensor", "sparse"];

/** Names that are imported as "virtual:tests" while a pack is bundled. */
export interface PackedTest {
  readonly name: string;
  readonly load: () => Promise<unknown>;
}

/** The text of a module that exports `TESTS`, a list of `PackedTest`. */
export function testsModule(root: string): string {
  const files = FOLDERS.flatMap((folder) =>
    [...Deno.readDirSync(`${root}/test/${folder}`)]
      .filter(({ name }) => name.endsWith(".test.ts"))
      .map(({ name }) => `${folder}/${name}`)
  ).sort();
  const lines = files.map((name) =>
    `  { name: ${JSON.stringify(name)}, load: () => import(${JSON.stringify(`${root}/test/${name}`)}) },`
  );
  return `export const TESTS = [\n${lines.join("\n")}\n];\n`;
}
