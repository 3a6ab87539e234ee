/**
 * Checks formatting, lint and types of everything, and the documentation of the public library. Folders with a deno.json of their own (rivals, browser tests, the
 * phone page) are type-checked with it; if their packages aren't installed they are left out and named, because
 * checking would download them (the rivals alone are hundreds of megabytes).
 */
const ROOTS = ["src", "kernels", "test", "scripts", "bench"];
/** Checked even when not installed yet: small, and every test run needs them. */
const ALWAYS = ["bench", "src/web", "test/browser"];

interface Group {
  readonly directory: string;
  readonly files: readonly string[];
}

const steps: [string, string[]][] = [
  ["fmt", ["fmt", "--check"]],
  ["lint", ["lint"]],
  // Together: a type that one entry point refers to may be exported by another.
  ["documentation", ["doc", "--lint", ...entryPoints()]],
];
for (const { directory, files } of groups()) {
  if (directory === "") steps.push(["check", ["check", ...files]]);
  else if (ALWAYS.includes(directory) || exists(`${directory}/node_modules`)) {
    steps.push([`check ${directory}`, ["check", "--config", `${directory}/deno.json`, ...files]]);
  } else console.log(`${directory} left out: its packages aren't installed`);
}
let failed = false;
for (const [title, args] of steps) {
  const { success } = await new Deno.Command(Deno.execPath(), { args: [...args, "--quiet"] }).output().then(
    (result) => {
      if (!result.success) {
        Deno.stdout.writeSync(result.stdout);
        Deno.stderr.writeSync(result.stderr);
      }
      return result;
    },
  );
  console.log(`${title}: ${success ? "ok" : "FAILED"}`);
  failed ||= !success;
}
Deno.exit(failed ? 1 : 0);

/** The modules that deno.json exports: every symbol of theirs is documented. */
function entryPoints(): string[] {
  return Object.values(JSON.parse(Deno.readTextFileSync("deno.json")).exports);
}

/** All TypeScript files, by the folder whose deno.json governs them ("" is the root). */
function groups(): Group[] {
  const byDirectory = new Map<string, string[]>();
  const walk = (path: string, governing: string) => {
    if (exists(`${path}/deno.json`)) governing = path;
    for (const entry of Deno.readDirSync(path)) {
      const child = `${path}/${entry.name}`;
      if (entry.isDirectory && entry.name !== "node_modules") walk(child, governing);
      if (entry.isFile && /\.tsx?$/.test(entry.name)) {
        byDirectory.set(governing, [...byDirectory.get(governing) ?? [], child]);
      }
    }
  };
  for (const root of ROOTS) if (exists(root)) walk(root, "");
  return [...byDirectory].map(([directory, files]) => ({ directory, files: files.sort() }));
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}
