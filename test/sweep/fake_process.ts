/**
 * A process of a sweep on the real code, whose jobs only take time:
 *
 *     deno run -A test/sweep/fake_process.ts '{"role":"worker", …}'
 *
 * As a coordinator it writes the trials that came of it to `out`. As a worker it has its jobs done by child processes, or where `inside` is set
 * within itself, which lets one process stand for many workers.
 */
import { readRecipe } from "../../src/recipe/load.ts";
import { denoStore } from "../../src/store/deno.ts";
import { coordinate } from "../../src/sweep/coordinate.ts";
import { openQueue } from "../../src/sweep/deno/open_queue.ts";
import { serveJobs } from "../../src/sweep/deno/serve_jobs.ts";
import { openWorkProcess } from "../../src/sweep/deno/work_process.ts";
import type { JobPayload } from "../../src/sweep/job.ts";
import { noPruner } from "../../src/sweep/pruner.ts";
import type { Job, QueueRules } from "../../src/sweep/queue/queue.ts";
import { openResults, type Results } from "../../src/sweep/results.ts";
import { samplerOf } from "../../src/sweep/samplers/samplers.ts";
import { parseSweepFile } from "../../src/sweep/sweep_file.ts";
import { type Outcome, runWorker, type WorkProcess } from "../../src/sweep/worker.ts";

export interface FakeSettings {
  readonly role: "coordinator" | "worker";
  /** Address of the Redis. */
  readonly queue: string;
  /** Holds the store, and what the coordinator writes. */
  readonly dir: string;
  readonly trials: number;
  readonly rules: QueueRules;
  /** Workers in this process. */
  readonly workers?: number;
  /** Longest job, in milliseconds. */
  readonly jobMs: number;
  readonly inside?: boolean;
}

/** What the coordinator found out. */
export interface FakeEnd {
  readonly trials: readonly { readonly id: string; readonly state: string; readonly metrics: unknown }[];
  readonly jobs: number;
  readonly seconds: number;
  readonly peakBytes: number;
}

const IDENTITY = { tool: "secateur 0.0.0", commit: "test", source: "s" };
const SPACE = "vary: { stages.0.optimizer.lr: { from: 0.001, to: 0.1, scale: log } }";

if (import.meta.main) {
  const settings: FakeSettings = JSON.parse(Deno.args[0]);
  // A child gets the settings of its worker within those of the work's process.
  const { worker } = settings as unknown as { worker?: string };
  if (worker !== undefined) await serveJobs(() => Promise.resolve(work(JSON.parse(worker))));
  else if (settings.role === "coordinator") await coordinator(settings);
  else await workers(settings);
  Deno.exit(0);
}

async function coordinator({ queue: address, dir, trials, rules }: FakeSettings): Promise<void> {
  const started = performance.now();
  const queue = await openQueue(address, { rules });
  const file = parseSweepFile(
    `{ version: 1, name: fake, recipe: digits, objectives: [max accuracy], sampler: random, seeds: [1], ${SPACE}, budget: { trials: ${trials} } }`,
    "fake.yaml",
  );
  await queue.open({ sweep: "fake", identity: IDENTITY, adapter: "gpu", store: dir, ended: false });
  let peakBytes = 0;
  const { trials: done, jobs } = await coordinate({
    file,
    given: await readRecipe("digits", denoStore()),
    sampler: samplerOf(file.sampler, {
      space: file.space,
      seeds: [1],
      objectives: file.objectives,
      constraints: [],
      compared: false,
    }),
    pruner: noPruner(),
    queue,
    results: openResults(denoStore(), `${dir}/store`),
    ground: { source: "", adapter: "gpu", plans: "default", data: { request: "", sha256: "" } },
    identity: IDENTITY,
    absolute: (path) => path,
    keepFile: () => Promise.reject(new Error("no file was expected")),
    finish: () => Promise.resolve(),
    show: () => Promise.resolve(void (peakBytes = Math.max(peakBytes, Deno.memoryUsage().rss))),
    isLate: () => false,
    signal: new AbortController().signal,
    pollMs: 50,
  });
  const end: FakeEnd = {
    trials: done.map(({ id, state, rungs }) => ({ id, state, metrics: rungs.map(({ metrics }) => metrics) })),
    jobs: jobs.size,
    seconds: (performance.now() - started) / 1000,
    peakBytes,
  };
  await Deno.writeTextFile(`${dir}/end.json`, JSON.stringify(end));
  await queue.end();
}

async function workers(settings: FakeSettings): Promise<void> {
  const queue = await openQueue(settings.queue, { rules: settings.rules });
  while (!await queue.header()) await new Promise((resolve) => setTimeout(resolve, 50));
  await Promise.all(Array.from({ length: settings.workers ?? 1 }, (_, i) => {
    const name = `${Deno.pid}-${i}`;
    const inside = work(settings);
    const process: WorkProcess = settings.inside
      ? { run: (job) => inside.run(job), stop() {}, kill() {}, close() {} }
      : openWorkProcess({
        script: import.meta.url,
        settings: { store: "", work: "", worker: JSON.stringify(settings) },
      });
    return runWorker({
      queue,
      info: { name, machine: name, adapter: "gpu" },
      work: process,
      signal: new AbortController().signal,
      ui: { note() {}, warn() {} },
      renewMs: settings.rules.leaseMs / 3,
      idleMs: settings.inside ? 200 : 50,
    }).finally(() => process.close());
  }));
}

/** What a job comes to follows from its recipe; it leaves a checkpoint of 16 kB, and takes a part of `jobMs` that its id says. */
function work({ dir, jobMs }: FakeSettings) {
  const results = openResults(denoStore(), `${dir}/store`);
  return {
    probe: () => Promise.resolve({ adapter: "gpu" }),
    async run(job: Job): Promise<Outcome> {
      await new Promise((resolve) => setTimeout(resolve, jobMs * Number.parseInt(job.id.slice(0, 4), 16) / 0x10000));
      await write(results, job);
      return { is: "done", seconds: 0 };
    },
  };
}

async function write(results: Results, { id, payload }: Job): Promise<void> {
  const { label, until, recipe: { stages } } = payload as JobPayload;
  const { lr } = (stages[0] as unknown as { optimizer: { lr: number } }).optimizer;
  const checkpoint = new TextEncoder().encode(id.repeat(256));
  await results.write({
    version: 1,
    id,
    label,
    stage: until.stage,
    epochs: 1,
    ended: until.stage >= stages.length,
    metrics: { accuracy: 1 - Math.abs(Math.log10(lr / 0.02)) / 10 },
    bits: id,
    spread: {},
    files: { "checkpoint.safetensors": await results.put(checkpoint) },
    seconds: 0,
    worker: "",
  });
}
