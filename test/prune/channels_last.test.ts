/** Networks whose images are [N,H,W,C] are pruned as those of [N,C,H,W] are. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createModel } from "../../src/models/zoo.ts";
import { inspect } from "../../src/prune/inspect.ts";
import { channelsLast } from "../generate/channels_last.ts";
import { randomGraph, randomParams } from "../generate/graphs.ts";
import { assertPromises } from "./promised.ts";

const test = suite("channels that stand last");

const sizes = (graph: Parameters<typeof inspect>[0]) =>
  inspect(graph).groups.map((
    { layers, size, why },
  ) => [layers.map(({ name }) => name).join(), size, why === undefined]);

test("the same groups can go, in networks of the zoo", () => {
  for (const name of ["lenet5", "resnet20", "convnext-cifar"]) {
    const graph = createModel(name);
    assert.equal(sizes(channelsLast(graph)), sizes(graph), name);
  }
});

test("the same groups can go in random networks, and do", () => {
  let gone = 0;
  for (let seed = 0; seed < 24; seed++) {
    const graph = channelsLast(randomGraph(seed));
    const params = randomParams(graph, seed);
    assert.equal(sizes(graph), sizes(randomGraph(seed)), `seed ${seed}`);
    gone += assertPromises({ graph, params }, `seed ${seed}`).gone;
  }
  assert.ok(gone >= 30, `only ${gone} groups went`);
});

test.run();
