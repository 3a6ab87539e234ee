/**
 * Writes the declarations of the library's entry points: a process of its own, because it alone needs TypeScript's
 * compiler. Its arguments are the entry points' files; it prints a JSON object of path from Secateur's folder -> text, of
 * all declarations that they lead to.
 */
import ts from "typescript";

const root = new URL("../../../../", import.meta.url).pathname.replace(/\/$/, "");
const options: ts.CompilerOptions = {
  strict: true,
  noImplicitOverride: true,
  target: ts.ScriptTarget.ESNext,
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  lib: ["lib.esnext.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts"],
  types: [`${root}/node_modules/@webgpu/types`],
  allowImportingTsExtensions: true,
  declaration: true,
  emitDeclarationOnly: true,
  stripInternal: true,
  skipLibCheck: true,
  rootDir: root,
  outDir: root,
};

const entries = Deno.args.map((path) => `${root}/${path}`);
const program = ts.createProgram([`${root}/src/cli/npm/compiler/text_modules.d.ts`, ...entries], options);
const emitted = new Map<string, string>();
const { diagnostics } = program.emit(undefined, (path, text) => emitted.set(path, text));
const problems = [...ts.getPreEmitDiagnostics(program), ...diagnostics];
if (problems.length > 0) {
  const host = {
    getCurrentDirectory: () => root,
    getCanonicalFileName: (path: string) => path,
    getNewLine: () => "\n",
  };
  console.error(ts.formatDiagnostics(problems.slice(0, 20), host));
  Deno.exit(1);
}

const reached: Record<string, string> = {};
for (const entry of entries) reach(entry.replace(/\.ts$/, ".d.ts"));
console.log(JSON.stringify(reached));

/** Follows the declarations' own imports: what no public type leads to isn't written. */
function reach(path: string): void {
  const name = path.slice(root.length + 1);
  if (name in reached) return;
  const text = emitted.get(path);
  if (text === undefined) throw new Error(`${name} is imported by a declaration, but the compiler wrote none`);
  const { importedFiles } = ts.preProcessFile(text);
  reached[name] = text.replaceAll(/(\bfrom |\bimport\(|\bimport )"(\.[^"]*)\.ts"/g, '$1"$2.js"');
  for (const { fileName } of importedFiles) {
    if (!fileName.startsWith(".")) {
      throw new Error(`${name}: a public type leads to the package "${fileName}", which users don't have`);
    }
    reach(new URL(fileName.replace(/\.ts$/, ".d.ts"), `file://${path}`).pathname);
  }
}
