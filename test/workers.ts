/** Test files side by side: processes that take one file after another from queues. */
import { TextLineStream } from "./lines.ts";
import { type Counts, END_OF_FILE } from "./runner.ts";

/** Files that need the same configuration. */
export interface Queue {
  /** Paths below test/; workers take them from the front. */
  readonly files: string[];
  /** The deno.json that the files need; default: the nearest one. */
  readonly config?: string;
}

export interface WorkerOptions {
  /** Path of test/worker.ts, or of a stand-in for it. */
  readonly script: string;
  /** What a file printed, as a whole, when it has ended. */
  readonly print: (text: string) => void;
}

/**
 * Runs `workers` side by side, each of which empties its queues in the order given, with a process for each queue; several
 * may share a queue. A process that ends within a file fails that file.
 */
export async function runInWorkers(workers: readonly (readonly Queue[])[], options: WorkerOptions): Promise<Counts> {
  const total = { passed: 0, failed: 0 };
  const add = ({ passed, failed }: Counts) => {
    total.passed += passed;
    total.failed += failed;
  };
  await Promise.all(workers.map(async (queues) => {
    for (const queue of queues) {
      while (queue.files.length > 0) await runWorker(queue, options, add);
    }
  }));
  return total;
}

/** One process, until the queue is empty or the process ends by itself. */
async function runWorker(
  { files, config }: Queue,
  { script, print }: WorkerOptions,
  add: (counts: Counts) => void,
): Promise<void> {
  const child = new Deno.Command(Deno.execPath(), {
    // Packages of another configuration are installed when they are first imported. Tests open hundreds of devices, after
    // each of which garbage is collected: by its name that takes a third of the time.
    args: ["run", "-A", "--v8-flags=--expose-gc", ...(config ? ["--config", config] : ["--cached-only"]), script],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const input = child.stdin.getWriter();
  let running: string | undefined;
  let printed: string[] = [];
  const next = async () => {
    printed = [];
    running = files.shift();
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
