/** Runs test files on a checkout in one process, one after another, until one fails or takes too long. */
import { TextLineStream } from "../lines.ts";
import { END_OF_FILE, type FileEnd } from "../runner.ts";

export interface TrialOptions {
  /** The checkout that the files are taken from. */
  readonly root: string;
  /** Paths from the root. */
  readonly files: readonly string[];
  /** A file that takes longer than this hangs. */
  readonly limitMs: (file: string) => number;
  /** The processor's time that all of them may take together, in s; the file in which it runs out hangs. */
  readonly cpuSeconds: number;
}

export interface Tried {
  readonly file: string;
  readonly passed: boolean;
  /** The first file's includes the start of the process. */
  readonly ms: number;
  /** Of the processor; Infinity where the process ended before it could tell. */
  readonly cpuMs: number;
}

/** What the files did, in their order; the last may have failed, and what would follow it is left out. */
export async function trial({ root, files, limitMs, cpuSeconds }: TrialOptions): Promise<Tried[]> {
  // The shell's limit is of the processor's time, which a busy machine doesn't stretch, and ends a loop that never waits.
  const child = new Deno.Command("sh", {
    args: ["-c", `ulimit -t ${Math.ceil(cpuSeconds)} && exec "$@"`, "sh", Deno.execPath(), "run", "-A", "--cached-only"]
      .concat(`${root}/test/worker.ts`),
    cwd: root,
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const input = child.stdin.getWriter();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream()).getReader();
  const tried: Tried[] = [];
  for (const file of files) {
    const began = performance.now();
    // A process that hangs ends here, and its lines with it.
    const timer = setTimeout(() => end(child), limitMs(file));
    await input.write(new TextEncoder().encode(`${file.replace(/^test\//, "")}\n`)).catch(() => {});
    const found = await endOf(lines);
    clearTimeout(timer);
    const passed = found !== undefined && found.failed === 0;
    tried.push({ file, passed, ms: performance.now() - began, cpuMs: found?.cpuMs ?? Infinity });
    if (!passed) break;
  }
  end(child);
  // Nobody reads on: what the process had to say is over with it.
  await Promise.allSettled([lines.cancel(), input.abort(), child.status]);
  return tried;
}

/** What ends a file's output; undefined where the process ended before. */
async function endOf(lines: ReadableStreamDefaultReader<string>): Promise<FileEnd | undefined> {
  for (;;) {
    const { value, done } = await lines.read();
    if (done) return undefined;
    if (value.startsWith(END_OF_FILE)) return JSON.parse(value.slice(END_OF_FILE.length));
  }
}

function end(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch {
    // It has ended by itself.
  }
}
