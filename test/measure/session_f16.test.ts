/** A session whose plans keep their numbers in f16 tells how far that moves the outputs, or that there is no f16. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Gpu } from "../../src/gpu/gpu.ts";
import { HALF_TOLERANCE } from "../../src/graph/compare.ts";
import type { Model } from "../../src/graph/types.ts";
import { testGpu } from "../gpu.ts";
import { FIRST, PROTOCOL, session } from "./session_run.ts";

const test = suite("sessions in f16");
const protocol = { ...PROTOCOL, storage: "f16" } as const;

test("each row is timed in f16, beside how far its outputs are from those in f32", async () => {
  assert.ok((await testGpu()).features.has("shader-f16"), "this adapter has no f16 to test");
  const { found } = await session({ protocol, networks: FIRST });
  assert.equal(found.rows.map(({ status, doubt }) => [status, doubt]), [["measured", undefined], [
    "measured",
    undefined,
  ]]);
  for (const { halfMaxRel } of found.rows) assert.ok(halfMaxRel! > 0 && halfMaxRel! <= HALF_TOLERANCE, `${halfMaxRel}`);
});

test("outputs that overflow f16 make the row doubtful, and the record stays JSON", async () => {
  const [{ model, ...dense }] = FIRST;
  const large = async (): Promise<Model> => {
    const { graph, params } = await model();
    const scaled = (
      [name, { shape, data }]: [string, Model["params"] extends ReadonlyMap<string, infer T> ? T : never],
    ) => [name, { shape, data: data.map((value) => 3e6 * value) }] as const;
    return { graph, params: new Map([...params].map(scaled)) };
  };
  const { found: { rows: [row] } } = await session({ protocol, networks: [{ ...dense, model: large }] });
  assert.match(row.doubt!, /^in f16 outputs differ .+ from those in f32; 0\.002 is expected at most$/);
  assert.ok(Number.isFinite(row.halfMaxRel));
});

test("without f16 it is timed in f32, and told in one line", async () => {
  const { found } = await session({
    protocol,
    networks: FIRST,
    open: ({ without = [], ...options }) => Gpu.open({ ...options, without: [...without, "shader-f16"] }),
  });
  assert.equal(
    found.rows.map(({ halfMaxRel, status }) => [halfMaxRel, status]),
    Array(2).fill([undefined, "measured"]),
  );
  const [incident] = found.incidents;
  assert.equal([incident.kind, incident.text], [
    "left out",
    "f16: this device doesn't offer shader-f16: its plans keep their numbers in f32",
  ]);
});

test.run();
