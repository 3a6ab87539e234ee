/** Test files side by side: processes that take one file after another from a queue. */
import { TextLineStream } from "./lines.ts";
import { type Counts, END_OF_FILE } from "./runner.ts";

export interface WorkerOptions {
  /** Path of test/worker.ts, or of a stand-in for it. */
  readonly script: string;
  /** The deno.json that the files need; default: the nearest one. */
  readonly config?: string;
  readonly count: number;
  /** What a file printed, as a whole, when it has ended. */
  readonly print: (text: string) => void;
}

/** Runs `files` (paths below test/) in up to `count` processes; a process that ends within a file fails that file. */
export async function runInWorkers(files: readonly string[], options: WorkerOptions): Promise<Counts> {
  const queue = [...files];
  const total = { passed: 0, failed: 0 };
  const add = ({ passed, failed }: Counts) => {
    total.passed += passed;
    total.failed += failed;
  };
  const keepGoing = async () => {
    while (queue.length > 0) await runWorker(queue, options, add);
  };
  await Promise.all(Array.from({ length: Math.min(options.count, files.length) }, keepGoing));
  return total;
}

/** One process, until the queue is empty or the process ends by itself. */
async function runWorker(
  queue: string[],
  { script, config, print }: WorkerOptions,
  add: (counts: Counts) => void,
): Promise<void> {
  const child = new Deno.Command(Deno.execPath(), {
    // Packages of another configuration are installed when they are first imported.
    args: ["run", "-A", ...(config ? ["--config", config] : ["--cached-only"]), script],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const input = child.stdin.getWriter();
  let running: string | undefined;
  let printed: string[] = [];
  const next = async () => {
    printed = [];
    running = queue.shift();
    // A process that has ended takes no more: its file is reported below.
    if (running === undefined) await input.close().catch(() => {});
    else await input.write(new TextEncoder().encode(`${running}\n`)).catch(() => {});
  };
  await next();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
  for await (const line of lines) {
    if (!line.startsWith(END_OF_FILE)) {
      printed.push(line);
      continue;
    }
    print(printed.join("\n").trimEnd());
    add(JSON.parse(line.slice(END_OF_FILE.length)));
    await next();
  }
  const { code } = await child.status;
  if (running === undefined) return;
  print([...printed, `\n  FAIL  ${running}: its process ended with exit code ${code}\n`].join("\n"));
  add({ passed: 0, failed: 1 });
}
