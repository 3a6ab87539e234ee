/** What the page does next while it shrinks a network, and what takes back what. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  afterEvent,
  BEGINNING,
  type Flow,
  type FlowEvent,
  isWanted,
  nextStep,
  removable,
} from "../../src/web/shrink/flow.ts";
import type { GivenNetwork, Prediction, ShrunkNetwork } from "../../src/web/shrink/types.ts";

const test = suite("flow of shrinking");

const cost = { macs: 100, params: 10, bytes: 40 };
const network: GivenNetwork = {
  title: "a.onnx",
  input: [3, 8, 8],
  cost,
  ways: { width: { parts: 3 }, depth: { parts: 1 } },
  pixels: ["file", "measured"],
  notes: [],
};
const prediction: Prediction = { before: cost, after: cost, parts: [] };
const shrunk: ShrunkNetwork = {
  id: "shrunk",
  before: cost,
  after: cost,
  fileBytes: { before: 2, after: 1 },
  proof: { maxRel: 0, inputs: 1 },
  judged: { images: 1, loss: 0 },
  notes: [],
  seconds: 1,
};
const images = { fitted: 8, judged: 2, notes: [] };

const after = (flow: Flow, ...events: readonly FlowEvent[]) => events.reduce(afterEvent, flow);
const given = after(BEGINNING, { kind: "network file" }, { kind: "image files" });
const read = after(given, { kind: "network", network }, { kind: "images", images });
const looked = after(read, { kind: "looked", most: 0.42 });
const made = after(looked, { kind: "asked" }, { kind: "shrunk", shrunk }, { kind: "timed", rows: [] });

test("nothing is done before something is given, and images wait for the network that says their size", () => {
  assert.is(nextStep(BEGINNING), undefined);
  assert.is(nextStep(after(BEGINNING, { kind: "image files" })), undefined);
  assert.equal(nextStep(given), { do: "read network" });
  assert.equal(nextStep(after(given, { kind: "network", network })), { do: "read images" });
  assert.equal(nextStep(read), { do: "look", way: "width", pixels: "file" });
});

test("what can be reached is predicted once each, the chosen place first and then the nearest", () => {
  const order: number[] = [];
  let flow = after(looked, { kind: "removed", removed: 0.2 });
  for (let step = nextStep(flow); step?.do === "predict"; step = nextStep(flow)) {
    order.push(step.removed);
    flow = after(flow, { kind: "predicted", removed: step.removed, prediction });
  }
  assert.equal(order.slice(0, 3), [0.2, 0.15, 0.25]);
  assert.equal(order.toSorted((a, b) => a - b), [0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4]);
  assert.is(nextStep(flow), undefined);
});

test("the slider stays where the network can be brought", () => {
  assert.equal(removable(0.12), [0.05, 0.1]);
  assert.is(after(read, { kind: "looked", most: 0.12 }).removed, 0.1);
});

test("who asks gets the smaller network before further predictions, and its times after it", () => {
  const asked = after(looked, { kind: "asked" });
  assert.equal(nextStep(asked), { do: "shrink", way: "width", removed: 0.3 });
  assert.equal(nextStep(after(asked, { kind: "shrunk", shrunk })), { do: "time" });
  assert.is(nextStep(made)?.do, "predict");
});

test("a choice takes back what it was made for, and no more", () => {
  const moved = after(made, { kind: "removed", removed: 0.1 });
  assert.equal([moved.shrunk, moved.most], [undefined, 0.42]);
  assert.equal(after(made, { kind: "removed", removed: 0.3 }), made, "where it was already");
  const other = after(made, { kind: "way", way: "depth" });
  assert.equal([other.shrunk, other.most, other.images], [undefined, undefined, images]);
  assert.equal(nextStep(other), { do: "look", way: "depth", pixels: "file" });
  assert.equal(nextStep(after(made, { kind: "pixels", pixels: "measured" })), {
    do: "look",
    way: "width",
    pixels: "measured",
  });
  assert.equal(nextStep(after(made, { kind: "image files" })), { do: "read images" });
  assert.equal(nextStep(after(made, { kind: "network file" })), { do: "read network" });
});

test("a step that is under way is wanted until what it was made for is chosen otherwise", () => {
  const step = { do: "shrink", way: "width", removed: 0.3 } as const;
  const asked = after(looked, { kind: "asked" });
  assert.ok(isWanted(asked, asked, step));
  assert.not(isWanted(after(asked, { kind: "removed", removed: 0.1 }), asked, step));
  const look = { do: "look", way: "width", pixels: "file" } as const;
  assert.ok(isWanted(after(read, { kind: "removed", removed: 0.1 }), read, look));
  assert.not(isWanted(after(read, { kind: "way", way: "depth" }), read, look));
  assert.not(isWanted(after(read, { kind: "image files" }), read, look));
  const reading = { do: "read images" } as const;
  assert.ok(isWanted(after(given, { kind: "way", way: "depth" }), given, reading));
  assert.not(isWanted(after(given, { kind: "network file" }), given, reading));
});

test("what failed or was stopped isn't done again before somebody chooses", () => {
  const step = { do: "shrink", way: "width", removed: 0.3 } as const;
  const held = after(looked, { kind: "asked" }, { kind: "held", step });
  assert.is(nextStep(held), undefined);
  assert.is(nextStep(after(held, { kind: "again" }))?.do, "predict");
  assert.equal(nextStep(after(held, { kind: "asked" })), step);
  assert.is(nextStep(after(held, { kind: "removed", removed: 0.1 }))?.do, "predict");
});

test("where one way finds nothing the other is taken, and where both do nothing is looked at", () => {
  const ways = { width: { refused: "no layer" }, depth: { parts: 2 } };
  const one = after(given, { kind: "network", network: { ...network, ways } });
  assert.is(one.way, "depth");
  const none = after(given, {
    kind: "network",
    network: { ...network, ways: { ...ways, depth: { refused: "no block" } } },
  }, { kind: "images", images });
  assert.is(nextStep(none), undefined);
});

test.run();
