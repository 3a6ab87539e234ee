/** λ: its schedule, what it does to a training, and that a training with it can be stopped anywhere. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { random } from "../../kernels/random/philox.ts";
import { checkLambda, lambdaAt, type LambdaSchedule } from "../../src/depth/progressive/lambda_schedule.ts";
import { mixing } from "../../src/depth/progressive/mixing.ts";
import { progressive, trainProgressively } from "../../src/depth/progressive/progressive.ts";
import { taughtLoss } from "../../src/depth/taught_loss.ts";
import { UserError } from "../../src/errors.ts";
import { execute } from "../../src/graph/execute.ts";
import { initialise } from "../../src/graph/initialise.ts";
import { isMix } from "../../src/graph/roles.ts";
import type { Graph, Params } from "../../src/graph/types.ts";
import { createModel } from "../../src/models/zoo.ts";
import { softmaxCrossEntropy } from "../../src/tensor/ops/loss.ts";
import { Tape } from "../../src/tensor/tape.ts";
import { readTensors, Tensor } from "../../src/tensor/tensor.ts";
import { checkpoint } from "../../src/train/callbacks/checkpoint.ts";
import { log } from "../../src/train/callbacks/log.ts";
import { Interrupted } from "../../src/train/errors.ts";
import { recalibrate } from "../../src/train/recalibrate.ts";
import { createTrainState } from "../../src/train/state.ts";
import { train, type TrainOptions } from "../../src/train/train.ts";
import type { Callback, LogFields, Loss, Snapshot } from "../../src/train/types.ts";
import { testGpu } from "../gpu.ts";
import { openGpu } from "../gpu/kernels.ts";
import { abortedAt } from "../recipe/interrupt.ts";
import { brightPixels, flat } from "../train/small.ts";
import { mixedNets } from "./mixed_nets.ts";

const test = suite("progressive training");
const gpu = await testGpu();

/** Eight steps in two epochs. */
function options(graph: Graph, params: Params, more: Partial<TrainOptions> = {}): TrainOptions {
  return {
    gpu,
    graphs: [graph],
    params,
    data: brightPixels(64),
    batch: 16,
    epochs: 2,
    optimizer: { kind: "sgd", lr: 0.05, weightDecay: 1e-3 },
    seed: 4,
    ...more,
  };
}

const fixed = (lambda: number): Callback => ({ name: "fixed", beforeStep: (step) => void (step.mix = lambda) });

test("λ rises over the schedule's part of the training, and is 1 from there on", () => {
  const at = (schedule: LambdaSchedule) => [0, 0.125, 0.25, 0.5, 0.75, 1].map((done) => lambdaAt(schedule, done));
  assert.equal(at({ kind: "linear" }), [0, 0.25, 0.5, 1, 1, 1]);
  assert.equal(at({ kind: "linear", fraction: 0.25 }), [0, 0.5, 1, 1, 1, 1]);
  const [zero, quarter, half, ...ones] = at({ kind: "cosine" });
  assert.equal([zero, ...ones], [0, 1, 1, 1]);
  assert.ok(Math.abs(half - 0.5) < 1e-15);
  assert.ok(Math.abs(quarter - (1 - Math.SQRT1_2) / 2) < 1e-15, `${quarter}`);
});

test("a schedule longer than the training, or of another kind, is refused", () => {
  const refused = (schedule: unknown, message: RegExp) =>
    assert.throws(
      () => checkLambda(schedule as LambdaSchedule),
      (error: Error) => error instanceof UserError && message.test(error.message),
    );
  refused({ kind: "linear", fraction: 1.5 }, /λ would rise for 1.5 times as long as the training: .* may be 1 at most/);
  refused({ kind: "linear", fraction: 0 }, /fraction of λ is 0, expected a number above 0/);
  refused({ kind: "square" }, /unknown schedule of λ "square": expected one of linear, cosine/);
  refused({ kind: "linear", epochs: 3 }, /no option "epochs": expected one of kind, fraction/);
  assert.throws(() => mixing({ kind: "cosine", fraction: 2 }), /λ would rise/);
});

test("every step of a training has the λ of its place, and every epoch logs the one at its end", async () => {
  const { graphs, params } = mixedNets();
  const seen: number[] = [];
  const records: LogFields[] = [];
  const watch: Callback = { name: "watch", beforeStep: ({ mix }) => void seen.push(mix) };
  const callbacks = [mixing({ kind: "linear", fraction: 0.75 }), watch, log((record) => void records.push(record))];
  await train(options(graphs.mixed, params, { callbacks }));
  assert.equal(seen, [0, 1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6, 1, 1]);
  assert.equal(records.map(({ lambda }) => lambda), [4 / 6, 1]);
});

for (const [lambda, which] of [[0, "block"], [1, "form"]] as const) {
  test(`a training at λ = ${lambda} is that of the ${which}, bit for bit`, async () => {
    const { graphs, params } = mixedNets();
    const mixed = await train(options(graphs.mixed, params, { callbacks: [fixed(lambda)] }));
    const alone = await train(options(graphs[which], params));
    for (const [name, { data }] of alone.params) {
      assert.equal(mixed.params.get(name)!.data, data, name);
      if (name.endsWith("weight")) assert.not.equal(data, params.get(name)!.data, name);
    }
  });
}

test("no program is compiled for a new λ", async () => {
  using own = await openGpu();
  const { graphs, params } = mixedNets();
  const counts: number[] = [];
  const count: Callback = { name: "count", afterBackward: () => void counts.push(own.stats().pipelines) };
  const callbacks = [mixing({ kind: "cosine", fraction: 1 }), count];
  await train(options(graphs.mixed, params, { gpu: own, epochs: 6, callbacks }));
  // The first step has λ = 0, the second is the first one with both gradients; the optimizer runs after the first count.
  assert.ok(counts[0] > 0);
  assert.equal(new Set(counts.slice(1)).size, 1, `${counts}`);
});

test("gradients through the mix are those of finite differences, in the midst of a network in training mode", async () => {
  const { graphs, params } = mixedNets("sigmoid");
  const { images, labels, shape, normalization } = brightPixels(8);
  const x = Float32Array.from(images, (v) => (v / normalization.scale - normalization.mean[0]) / normalization.std[0]);
  const lossOf = async (values: Params, lambda: number) => {
    using state = createTrainState(gpu, [graphs.mixed], values);
    using tape = new Tape(gpu, "train");
    for (const { name } of state.weights.layout.slots) {
      tape.watch(state.weights.tensor(name), state.gradients.tensor(name));
    }
    const input = tape.own(Tensor.from(gpu, x, [8, ...shape]));
    const logits = execute(tape, graphs.mixed, state.params, input, { mix: lambda });
    const target = tape.own(Tensor.from(gpu, Uint32Array.from(labels), [8]));
    const loss = softmaxCrossEntropy(tape, logits, target);
    const [[value]] = await readTensors([loss]);
    tape.backward(loss);
    return { value, gradients: await state.gradients.download() };
  };
  const rng = random(3, "directions");
  for (const lambda of [0.3, 0.8]) {
    const { gradients } = await lossOf(params, lambda);
    for (
      const [i, name] of ["stem.weight", "a.weight", "a.bn.bias", "b.weight", "tail.weight", "fc.weight"].entries()
    ) {
      const { shape: own, data } = params.get(name)!;
      const direction = rng.fillNormal(new Float64Array(data.length), i);
      const norm = Math.hypot(...direction);
      const moved = (by: number) =>
        new Map([...params, [name, { shape: own, data: data.map((v, j) => v + by * direction[j] / norm) }]]);
      const step = 0.03;
      const [up, down] = [await lossOf(moved(step), lambda), await lossOf(moved(-step), lambda)];
      const numeric = (up.value - down.value) / (2 * step);
      const exact = gradients.get(name)!.data.reduce((sum, g, j) => sum + g * direction[j] / norm, 0);
      assert.ok(
        Math.abs(numeric - exact) <= 1e-2 * Math.abs(exact) + 1e-4,
        `${name} at λ = ${lambda}: ${numeric}, expected ${exact}`,
      );
    }
  }
});

test("the loss with a teacher is cross-entropy and distillation at temperature 1, one to one", async () => {
  const { graphs, params } = mixedNets();
  const teacher = { graph: graphs.block, params: new Map([...params].filter(([name]) => name in graphs.block.params)) };
  // A single step, so that all three see the same weights.
  const first = async (loss: TrainOptions["loss"]) => {
    let found = NaN;
    await train(options(graphs.form, params, {
      loss,
      epochs: 1,
      images: 16,
      callbacks: [log(({ loss: value }) => void (found = Number(value)))],
    }));
    return found;
  };
  const [both, labels, taught] = [
    await first(taughtLoss({ teacher })),
    await first({ kind: "cross-entropy" }),
    await first({ kind: "distill", teacher, temperature: 1 }),
  ];
  assert.ok(taught > 0.01, `${taught}`);
  assert.ok(Math.abs(both - labels - taught) < 1e-5 * both, `${both}, expected ${labels} + ${taught}`);
});

test("a teacher of other classes is refused in one line", async () => {
  const { graphs, params } = mixedNets();
  const other = mixedNets("relu", 4, 5);
  const loss = taughtLoss({ teacher: { graph: other.graphs.block, params: other.params } });
  const error = await train(options(graphs.form, params, { loss })).then(() => undefined, (error) => error);
  assert.instance(error, UserError);
  assert.match(error.message, /^distillation: the output has shape \[16,3\], its target \[16,5\]/);
});

test("a teacher for images of another size is refused in one line, also one that could take them", async () => {
  const { graphs, params } = mixedNets();
  const graph = createModel("resnet8", { size: 16, inChannels: 1, width: 0.125, classes: 3 });
  const loss = taughtLoss({ teacher: { graph, params: initialise(graph, 1) } });
  const error = await train(options(graphs.form, params, { loss })).then(() => undefined, (error) => error);
  assert.instance(error, UserError);
  assert.match(
    error.message,
    /^the teacher "resnet8" takes images of 1×16×16, and the data have [\d×]+: give a network/,
  );
});

test("stopped after any step and taken up again, it ends in the same bits", async () => {
  const { graphs, params } = mixedNets();
  const run = (more: Partial<TrainOptions>, ...callbacks: Callback[]) =>
    train(options(graphs.mixed, params, { ...more, callbacks: [mixing({ kind: "cosine" }), ...callbacks] }));
  const whole = await run({});
  for (let stop = 1; stop <= 8; stop++) {
    let from: Snapshot | undefined;
    const keep = checkpoint((snapshot) => {
      from = { ...snapshot, cursor: JSON.parse(JSON.stringify(snapshot.cursor)) };
      return Promise.resolve();
    });
    try {
      await run({ signal: abortedAt(stop) }, keep);
    } catch (error) {
      if (!(error instanceof Interrupted)) throw error;
    }
    assert.ok(from, `nothing was kept at step ${stop}`);
    assert.equal(flat((await run({ from }, keep)).params), flat(whole.params), `stopped after step ${stop}`);
  }
});

test("while λ rises the mixed network is trained, then that of the forms, to what the mixed one alone would come to", async () => {
  const { graphs, params } = mixedNets();
  const mixed = { graph: graphs.mixed, params };
  const teacher = { graph: graphs.block, params };
  const family = progressive({ mixed, teacher });
  const ran: string[] = [];
  const loss: Loss = (step) => {
    const value = family.loss(step);
    ran.push(step.mix < 1 ? "mixed" : "form");
    return value;
  };
  const callbacks = [family.callback];
  const { params: trained } = await train(options(graphs.mixed, params, { graphs: family.graphs, loss, callbacks }));
  assert.equal(ran, [...Array(4).fill("mixed"), ...Array(4).fill("form")]);
  const settled = family.settled(trained);
  assert.equal(Object.keys(settled.graph.params).toSorted(), Object.keys(graphs.form.params).toSorted());
  assert.equal(settled.graph.nodes.filter(isMix), []);
  const alone = await train(options(graphs.mixed, params, {
    loss: taughtLoss({ teacher }),
    callbacks: [mixing({ kind: "linear" })],
  }));
  for (const name of settled.params.keys()) {
    assert.equal(settled.params.get(name)!.data, alone.params.get(name)!.data, name);
  }
  const { graphs: _graphs, params: _params, loss: _loss, ...training } = options(graphs.mixed, params);
  const whole = await trainProgressively({ ...training, data: brightPixels(64), mixed, teacher });
  assert.equal(flat(whole.params), flat((await recalibrate(gpu, settled, brightPixels(64), 16)).params));
});

test("where only the first graph moves running statistics, others that share its norms leave them as they are", async () => {
  const { graphs, params } = mixedNets();
  const loss: TrainOptions["loss"] = (step) => {
    step.forward(graphs.form);
    return taughtLoss({ teacher: { graph: graphs.block, params } })(step);
  };
  const run = async (graph: readonly Graph[], statistics: "all" | "first") => {
    const { params: trained } = await train(
      options(graphs.block, params, { graphs: graph, loss, statistics, epochs: 1 }),
    );
    return trained.get("b.bn.running_mean")!.data;
  };
  const alone = await train(options(graphs.block, params, {
    loss: taughtLoss({ teacher: { graph: graphs.block, params } }),
    epochs: 1,
  }));
  const expected = alone.params.get("b.bn.running_mean")!.data;
  assert.equal(await run([graphs.block, graphs.form], "first"), expected);
  assert.not.equal(await run([graphs.block, graphs.form], "all"), expected);
});

test.run();
