import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openJournal } from "../../src/sweep/deno/journal.ts";
import { openWorkProcess } from "../../src/sweep/deno/work_process.ts";
import type { Job, QueueHeader, QueueRules } from "../../src/sweep/queue/queue.ts";
import { requireFit, runWorker } from "../../src/sweep/worker.ts";
import { UserError } from "../../src/errors.ts";

const test = suite("sweep/worker");

const RULES: QueueRules = { leaseMs: 300, attempts: 3, crashes: 2, backoffMs: 1 };
const identity = { tool: "secateur 0.1.0", commit: "0123456789ab", source: "s" };
const header: QueueHeader = { sweep: "mine", identity, adapter: "gpu", store: "", ended: false };
const settings = { store: "", work: "", worker: "w" };
const script = new URL("./busy_work.ts", import.meta.url).href;

function job(id: string, payload: { ms: number; exit?: number }): Job {
  return { id, adapter: "gpu", adapterUse: "shared", payload: { label: id, ...payload } };
}

test("work that keeps its process busy for many leases is done once: the worker itself is never busy", async () => {
  const dir = await Deno.makeTempDir();
  const queue = await openJournal(dir, { rules: RULES });
  const stop = new AbortController();
  const notes: string[] = [];
  const ui = { note: (text: string) => void notes.push(text), warn: (text: string) => void notes.push(text) };
  const works = [openWorkProcess({ script, settings }), openWorkProcess({ script, settings })];
  try {
    await queue.open(header);
    await Promise.all(works.map((work) => work.probe({})));
    await queue.add([job("busy", { ms: 1000 }), job("dies", { ms: 1, exit: 3 })]);
    const workers = works.map((work, i) =>
      runWorker({
        queue,
        info: { name: `${i}`, machine: "here", adapter: "gpu" },
        work,
        signal: stop.signal,
        ui,
        renewMs: RULES.leaseMs / 3,
        idleMs: 20,
      })
    );
    let { jobs } = await queue.finished();
    while (jobs.length < 2) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      ({ jobs } = await queue.finished());
    }
    await queue.end();
    await Promise.all(workers);
    const reason = "the process that did the work ended with code 3: out of luck";
    assert.equal(jobs.toSorted((a, b) => (a.id < b.id ? -1 : 1)), [{ id: "busy" }, { id: "dies", failed: reason }]);
    assert.equal(notes.filter((note) => note.startsWith("busy")), ["busy"]);
    assert.equal(notes.filter((note) => note.startsWith("dies, attempt")), ["dies, attempt 2"]);
  } finally {
    stop.abort();
    for (const work of works) work.close();
    queue.close();
    await Deno.remove(dir, { recursive: true });
  }
});

test("a worker of another commit, of other files or with another adapter is refused, and both are named", () => {
  const refusal = (own: Parameters<typeof requireFit>[1]) => {
    try {
      requireFit(header, own);
    } catch (error) {
      assert.ok(error instanceof UserError);
      return error.message;
    }
  };
  assert.is(refusal({ identity: { ...identity, commit: "any other name" }, adapter: "gpu" }), undefined);
  assert.match(
    refusal({ identity: { ...identity, commit: "ba9876543210", source: "t" }, adapter: "gpu" })!,
    /^the sweep mine is of secateur 0\.1\.0 at commit 0123456789ab, and this is .* at ba9876543210: .*; check out 0123456789ab here$/,
  );
  assert.match(refusal({ identity: { ...identity, source: "t" }, adapter: "gpu" })!, /with other changes to its files/);
  assert.match(refusal({ identity, adapter: "another gpu" })!, /for the adapter gpu, and this worker has another gpu/);
});

test.run();
