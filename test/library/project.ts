/** A user's project: a folder of its own with the packed library installed by npm, and nothing else. */
import { packLibrary } from "../../src/cli/npm/package.ts";
import type { PageFiles } from "../../src/cli/page/bundle.ts";

const root = new URL("../../", import.meta.url).pathname;

export interface Answer {
  readonly ok: boolean;
  /** What it printed, on both streams. */
  readonly text: string;
}

export interface Project extends Disposable {
  readonly folder: string;
  /** What `build --lib` writes. */
  readonly files: PageFiles;
  /** Writes a file of the user's. Gives its path. */
  write(name: string, text: string): string;
  /** Type-checks a file as strictly as TypeScript can, in the declarations too, unless other options of it say otherwise. */
  check(name: string, compilerOptions?: Readonly<Record<string, unknown>>): Promise<Answer>;
  /** Runs a file in Deno. */
  run(name: string): Promise<Answer>;
}

/** README's example, word for word. */
export function readmeExample(): string {
  const code = [...Deno.readTextFileSync(`${root}README.md`).matchAll(/^```ts\n([\s\S]*?)^```$/gm)];
  if (code.length !== 1) throw new Error(`README has ${code.length} examples, expected one`);
  return code[0][1];
}

/** Making the package takes seconds, and it is the same for all projects of a process. */
let packed: Promise<PageFiles> | undefined;

export async function createProject(): Promise<Project> {
  const files = await (packed ??= packLibrary());
  const folder = Deno.makeTempDirSync({ prefix: "secateur-project-" });
  const write = (name: string, text: string) => {
    Deno.writeTextFileSync(`${folder}/${name}`, text);
    return `${folder}/${name}`;
  };
  const archive = [...files.keys()].find((path) => path.endsWith(".tgz"))!;
  Deno.writeFileSync(`${folder}/${archive}`, files.get(archive)!);
  write("package.json", JSON.stringify({ name: "project", private: true, type: "module" }));
  const installed = await call("npm", ["install", "--offline", "--no-audit", "--no-fund", `./${archive}`], folder);
  if (!installed.ok) throw new Error(`npm can't install the package: ${installed.text}`);
  write(
    "tsconfig.json",
    JSON.stringify({
      compilerOptions: {
        strict: true,
        exactOptionalPropertyTypes: true,
        noUncheckedIndexedAccess: true,
        noEmit: true,
        target: "es2022",
        module: "esnext",
        moduleResolution: "bundler",
        lib: ["es2022", "dom"],
        types: [],
      },
    }),
  );
  return {
    folder,
    files,
    write,
    check: (name, compilerOptions = {}) => {
      write("tsconfig.one.json", JSON.stringify({ extends: "./tsconfig.json", compilerOptions, files: [name] }));
      const compiler = ["run", "-A", "--config", `${root}src/cli/npm/compiler/deno.json`, "npm:typescript@6.0.3/tsc"];
      return call(Deno.execPath(), [...compiler, "-p", `${folder}/tsconfig.one.json`], root);
    },
    run: (name) => call(Deno.execPath(), ["run", "-A", "--no-check", "--node-modules-dir=manual", name], folder),
    [Symbol.dispose]: () => Deno.removeSync(folder, { recursive: true }),
  };
}

async function call(command: string, args: readonly string[], cwd: string): Promise<Answer> {
  const { success, stdout, stderr } = await new Deno.Command(command, { args: [...args], cwd, stdin: "null" }).output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { ok: success, text: `${out}${err}` };
}
