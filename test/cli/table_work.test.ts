/** `serve --work`: phones build a latency table between them, over the server's api/work. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { tableWork } from "../../src/cli/server/table_work.ts";
import { type PhoneWork, phoneWork } from "../../src/cli/server/phone_work.ts";
import type { Refusal } from "../../src/cli/server/refusal.ts";
import { builder } from "../../src/graph/build.ts";
import { initialise } from "../../src/graph/initialise.ts";
import { unfitTable } from "../../src/measure/latency/estimate.ts";
import { parseDeviceRecord } from "../../src/report/devices/schema.ts";
import type { Asked } from "../../src/sweep/phones/desk.ts";

const test = suite("a latency table by phones");
const adapter = { vendor: "arm", architecture: "valhall", description: "", fallback: false };
const b = builder("small", ["N", 4, 6, 6]);
const graph = b.graph([b.relu(b.conv(b.input, { name: "conv1", out: 8, kernel: 3, pad: 1, bias: true }))]);
const model = { graph, params: initialise(graph, 1) };

function statusOf(work: () => unknown): number {
  try {
    work();
    return 200;
  } catch (error) {
    return (error as Refusal).status;
  }
}

test("a phone in two sessions comes to a device's record with the table", async () => {
  const warned: string[] = [];
  const { work, build } = await tableWork({ name: "small", model }, {
    tool: "secateur 0.1.0",
    warn: (text) => warned.push(text),
  });
  let at = 0;
  const ahead: PhoneWork = { ...work, now: () => at };
  const building = build(new AbortController().signal);
  assert.equal(work.offer(), { what: "the latency table of small", done: 0, total: 3, ended: false });
  let session = 0, told: Asked["is"] | undefined;
  while (told !== "ended") {
    const asked = phoneWork(ahead, "ask", { session: `session-${session}`, name: "pixel8", adapter }) as Asked;
    told = asked.is;
    if (asked.is === "another session") session++;
    else if (asked.is === "job") {
      at += 1000;
      assert.equal(phoneWork(ahead, "renew", { lease: asked.lease }), { held: true });
      const times = asked.job.timed.map((name) => ({ name, samplesMs: Array(8).fill(0.5), repeats: 10 }));
      const answer = { shape: asked.job.shape, adapter, clock: "gpu timestamps", quantumMs: 0.01, times };
      phoneWork(ahead, "answer", {
        lease: asked.lease,
        answer: { ...answer, paceMs: Array(8).fill(5), hidden: false },
      });
    } else await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const record = await building;
  assert.is(parseDeviceRecord(JSON.parse(JSON.stringify(record)), "pixel8.json").name, "pixel8");
  assert.is(unfitTable(record.tables![0], model), undefined);
  assert.is(record.tables![0].wholeMs, 0.5);
  assert.equal(work.offer().ended, true);
  assert.equal(warned, []);
});

test("what isn't well-formed, has no lease, or is no action is refused with a status of its own", async () => {
  const { work } = await tableWork({ name: "small", model }, { tool: "secateur 0.1.0", warn: () => {} });
  assert.is(statusOf(() => phoneWork(work, "ask", { session: "s", name: "pixel8", adapter })), 422);
  assert.is(statusOf(() => phoneWork(work, "answer", { lease: "no-such-lease", answer: {} })), 409);
  assert.is(statusOf(() => phoneWork(work, "toString", {})), 404);
  assert.is(statusOf(() => phoneWork(undefined, "ask", {})), 404);
});

test.run();
