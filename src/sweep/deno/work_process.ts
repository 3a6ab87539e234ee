/** The process that does a worker's jobs: started when it is needed, and again where it died. */
import { UserError } from "../../errors.ts";
import type { Job } from "../queue/queue.ts";
import type { Outcome, WorkProcess } from "../worker.ts";
import { type FromWork, lines, type Probed, type ToWork, type WorkSettings } from "./messages.ts";

export interface WorkProcessOptions {
  /** The script that is run; it calls `serveJobs`. */
  readonly script: string;
  readonly settings: WorkSettings;
}

export interface DenoWorkProcess extends WorkProcess {
  /** @throws UserError where the machine has no adapter, or not the data */
  probe(message: Omit<Extract<ToWork, { is: "probe" }>, "is">): Promise<Probed>;
}

export function openWorkProcess({ script, settings }: WorkProcessOptions): DenoWorkProcess {
  let child: Running | undefined;
  const running = () => child ??= start(script, settings);
  /** The first message that `pick` takes; a process that ended gives undefined. */
  const ask = async <T>(message: ToWork, pick: (answer: FromWork) => T | undefined): Promise<T | undefined> => {
    const asked = running();
    const answer = await asked.ask(message, pick);
    if (answer === undefined && child === asked) child = undefined;
    return answer;
  };
  return {
    async probe(message) {
      const answer = await ask({ is: "probe", ...message }, (answer) => answer.is === "progress" ? undefined : answer);
      if (answer?.is === "probed") return answer.probed;
      throw new UserError(
        answer?.is === "refused" ? answer.reason : "the process that does the work ended while it began",
      );
    },
    async run(job: Job, progress) {
      const asked = running();
      const outcome = await ask({ is: "job", job }, (answer) => {
        if (answer.is === "progress") progress(answer.text);
        return answer.is === "outcome" ? answer.outcome : undefined;
      });
      return outcome ?? await asked.death();
    },
    stop: () => child?.tell({ is: "stop" }),
    kill: () => child?.kill(),
    close() {
      child?.kill();
      child = undefined;
    },
  };
}

interface Running {
  ask<T>(message: ToWork, pick: (answer: FromWork) => T | undefined): Promise<T | undefined>;
  tell(message: ToWork): void;
  /** What became of a job whose process ended without an answer. */
  death(): Promise<Outcome>;
  kill(): void;
}

function start(script: string, settings: WorkSettings): Running {
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--cached-only", script, JSON.stringify(settings)],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const input = process.stdin.getWriter();
  const output = lines(process.stdout);
  const lastWords = lastLine(process.stderr);
  let killed = false;
  const tell = (message: ToWork) => {
    // A process that is gone says so by the end of its output.
    input.write(new TextEncoder().encode(JSON.stringify(message) + "\n")).catch(() => {});
  };
  return {
    tell,
    async ask(message, pick) {
      tell(message);
      for (;;) {
        const { value, done } = await output.next();
        if (done) return undefined;
        const answer = pick(JSON.parse(value));
        if (answer !== undefined) return answer;
      }
    },
    async death() {
      if (killed) return { is: "stopped" };
      const { code, signal } = await process.status;
      const words = await lastWords;
      const how = signal ? `was ended by ${signal}` : `ended with code ${code}`;
      const reason = `the process that did the work ${how}${words ? `: ${words}` : ""}`;
      return { is: "failed", failure: { kind: "crash", reason } };
    },
    kill() {
      killed = true;
      try {
        process.kill("SIGKILL");
      } catch { /* it has ended already */ }
    },
  };
}

/** What a process said last, in short. */
async function lastLine(stream: ReadableStream<Uint8Array>): Promise<string> {
  let last = "";
  for await (const line of lines(stream)) if (line.trim() !== "") last = line.trim().slice(0, 200);
  return last;
}
