/**
 * Follows docs/tutorial.md word for word in a copy of this repository: each command after `$` is run, and must end well and print
 * the lines below it. Numbers may differ, "…" stands for anything, on a line of its own for any lines.
 *
 *     deno run -A scripts/tutorial.ts [other.md]
 *     deno run -A scripts/tutorial.ts --chroot [suite]    # in a bare Debian: scripts/tutorial_chroot.sh
 */
import { consoleBlocks, mismatch } from "./tutorial_lines.ts";

const root = new URL("..", import.meta.url).pathname;
if (Deno.args[0] === "--chroot") {
  const args = [`${root}scripts/tutorial_chroot.sh`, ...Deno.args.slice(1)];
  Deno.exit((await new Deno.Command("sh", { args }).spawn().status).code);
}
const file = Deno.args[0] ?? "docs/tutorial.md";
const blocks = consoleBlocks(await Deno.readTextFile(`${root}${file}`));
if (blocks.length === 0) {
  console.error(`${file}: no command in it: expected blocks of \`\`\`console with lines that begin with $`);
  Deno.exit(1);
}
const copy = await Deno.makeTempDir({ prefix: "tutorial-" });
const started = performance.now();
let failed = 0;
try {
  await git("clone", "--quiet", root, copy);
  // As it would run on a machine of its own, but for the command's name.
  const bin = await Deno.makeTempDir({ dir: copy, prefix: ".bin-" });
  await Deno.symlink(Deno.execPath(), `${bin}/deno`);
  const { INIT_CWD: _, ...own } = Deno.env.toObject();
  // npx tells by INIT_CWD where it was called, and deno task would take paths to be relative to that.
  const env = { ...own, PATH: `${bin}:${own.PATH}`, NO_COLOR: "1" };
  for (const { command, expected, line } of blocks) {
    const { code, stdout, stderr } = await new Deno.Command("sh", {
      args: ["-c", command],
      cwd: copy,
      env,
      clearEnv: true,
    }).output();
    const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    const printed = decode(stderr) + decode(stdout);
    const problem = code !== 0 ? `it ended with ${code}` : mismatch(expected, printed);
    const seconds = ((performance.now() - started) / 1000).toFixed(0);
    console.log(`${problem === undefined ? "ok" : "FAILED"}  ${file}:${line}  ${command}  (${seconds} s)`);
    if (problem === undefined) continue;
    failed++;
    console.log(`${problem}\n--- printed\n${printed}---`);
  }
} finally {
  await Deno.remove(copy, { recursive: true });
}
Deno.exit(failed === 0 ? 0 : 1);

async function git(...args: string[]): Promise<void> {
  const { success } = await new Deno.Command("git", { args }).output();
  if (!success) throw new Error(`git ${args.join(" ")} failed`);
}
