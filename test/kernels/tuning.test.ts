import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Launch } from "../../kernels/launch.ts";
import { type Candidate, type Choice, choose, UNTUNED } from "../../kernels/tuning.ts";

const test = suite("choosing among candidates");

const way = (name: string, cost: number): Candidate => ({
  name,
  cost,
  build: () => ({ steps: [], scratch: { [name]: 4 }, tables: {} }),
});
const ways = [way("slow", 3), way("quick", 1), way("as quick", 1)];

test("without a measurement the cheapest estimate is taken, the first of equals", () => {
  assert.is(choose("shape", ways, UNTUNED).name, "quick");
  assert.is(choose("shape", ways, { ...UNTUNED, winners: { "other shape": "slow" } }).name, "quick");
});

test("a measured winner is taken, unless it can't do the shape", () => {
  assert.is(choose("shape", ways, { ...UNTUNED, winners: { shape: "slow" } }).name, "slow");
  assert.is(choose("shape", ways, { ...UNTUNED, winners: { shape: "gone" } }).name, "quick");
});

test("whoever listens is told of each launch that is built, and only then", () => {
  const told: Choice[] = [];
  const chosen = choose("shape", ways, { ...UNTUNED, onChoice: (choice) => told.push(choice) });
  assert.is(told.length, 0);
  const launch: Launch = chosen.build();
  assert.is(told.length, 1);
  assert.is(told[0].launch, launch);
  assert.is(told[0].shapeClass, "shape");
  assert.equal(told[0].candidates.map(({ name }) => name), ["slow", "quick", "as quick"]);
});

test.run();
