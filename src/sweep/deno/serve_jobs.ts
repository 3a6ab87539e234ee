/** The other side of a worker: reads jobs from stdin, does them one after the other, and answers on stdout. */
import type { Job } from "../queue/queue.ts";
import type { Outcome } from "../worker.ts";
import { type FromWork, lines, type Probed, type ToWork, type WorkSettings } from "./messages.ts";
import { UserError } from "../../errors.ts";

/** What the process can do. */
export interface JobServer {
  probe(message: Extract<ToWork, { is: "probe" }>): Promise<Probed>;
  run(job: Job, hooks: { progress(text: string): void; readonly signal: AbortSignal }): Promise<Outcome>;
}

/** Between two messages on how far a job is. */
const PROGRESS_MS = 1000;

/**
 * Never comes back: ends the process once nobody is at the other end of stdin any more, whatever is being done then. A worker that
 * was killed leaves no work behind that nobody asks for.
 */
export async function serveJobs(open: (settings: WorkSettings) => Promise<JobServer>): Promise<void> {
  const server = await open(JSON.parse(Deno.args[0]));
  let stop = new AbortController();
  let last: Promise<void> = Promise.resolve();
  for await (const line of lines(Deno.stdin.readable)) {
    const message: ToWork = JSON.parse(line);
    if (message.is === "stop") stop.abort();
    else if (message.is === "probe") last = last.then(() => probe(server, message));
    else {
      last = last.then(async () => {
        stop = new AbortController();
        const outcome = await server.run(message.job, { progress: seldom(), signal: stop.signal });
        tell({ is: "outcome", outcome });
      });
    }
  }
  Deno.exit(0);
}

async function probe(server: JobServer, message: Extract<ToWork, { is: "probe" }>): Promise<void> {
  try {
    tell({ is: "probed", probed: await server.probe(message) });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    tell({ is: "refused", reason: error instanceof UserError ? reason : `internal error: ${reason}` });
  }
}

function seldom(): (text: string) => void {
  let told = -Infinity;
  return (text) => {
    if (performance.now() - told < PROGRESS_MS) return;
    told = performance.now();
    tell({ is: "progress", text });
  };
}

function tell(message: FromWork): void {
  const bytes = new TextEncoder().encode(JSON.stringify(message) + "\n");
  for (let done = 0; done < bytes.length;) done += Deno.stdout.writeSync(bytes.subarray(done));
}
