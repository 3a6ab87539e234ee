/** One training step: forward passes, a loss, its gradients and the optimizer's update. It only records. */
import type { Batch } from "../data/loader.ts";
import { UserError } from "../errors.ts";
import { executeOutputs, type GivenInputs } from "../graph/execute.ts";
import type { Graph, Model } from "../graph/types.ts";
import { axpby } from "../tensor/ops/inplace.ts";
import { countCorrect } from "../tensor/ops/reduce.ts";
import type { Optimizer } from "../tensor/optimizer.ts";
import { Tape } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { TrainState } from "./state.ts";
import type { Loss, Step, Watchers } from "./types.ts";

/** What every pass over a batch has in common. */
export interface PassContext {
  readonly state: Pick<TrainState, "gpu" | "params" | "frozen">;
  readonly graphs: readonly Graph[];
  /** Of the data: "absent" makes reading a step's labels an error. */
  readonly labels?: "present" | "absent";
  /** Whose passes move running statistics; default "all". */
  readonly statistics?: "all" | "first";
  /** Of values of the first graph. */
  readonly watchers?: Watchers;
  /** What the first graph reads in place of the images: values that were made of them before. */
  readonly given?: (images: Tensor) => GivenInputs;
}

/** What every step of a training has in common. The first graph's hits are counted. */
export interface StepContext extends PassContext {
  readonly state: TrainState;
  readonly optimizer: Optimizer;
  readonly loss: Loss;
  readonly beforeStep?: (step: Step) => void;
  readonly afterBackward?: (step: Step) => void;
  readonly afterStep?: (step: Step) => void;
}

/** Where a step stands. */
export interface StepPlace {
  /** Shape of one image. */
  readonly shape: readonly number[];
  readonly seed: number;
  /** Number of the step in the whole run, which dropout draws anew for. */
  readonly number: number;
  /** Epochs of this training, with fraction. */
  readonly epoch: number;
  readonly lr: number;
}

/** Running sums on the device: Σ loss · images, shape [], and hits, u32 [1]. */
export interface Sums {
  readonly loss: Tensor;
  readonly correct: Tensor;
}

/**
 * The gradients of all forward passes are added, then the optimizer moves every weight once. A weight that no pass of
 * this step has used gets a gradient of 0: momentum and weight decay go on moving it.
 * @returns whether the batch's hits were counted
 */
export function trainStep(context: StepContext, batch: Batch, sums: Sums, place: StepPlace): boolean {
  const { state, optimizer, graphs, loss } = context;
  const { gpu } = state;
  using tape = new Tape(gpu, "train");
  const { step, ran } = openStep(context, tape, batch, place);
  context.beforeStep?.(step);
  for (const { name } of state.weights.layout.slots) {
    tape.watch(state.weights.tensor(name), state.gradients.tensor(name));
  }
  const value = loss(step);
  if (value.size !== 1) throw new UserError(`the loss has shape [${value.shape}], expected one number`);
  const logits = context.labels === "absent" ? undefined : ran.get(graphs[0])?.[0];
  const counted = logits?.shape.length === 2;
  if (counted) countCorrect(gpu, logits, step.labels, sums.correct);
  axpby(gpu, batch.count, value, 1, sums.loss);
  tape.backward(value);
  for (const { name } of state.weights.layout.slots) {
    if (!tape.gradient(state.weights.tensor(name))) gpu.clear(state.gradients.tensor(name));
  }
  context.afterBackward?.(step);
  const { weights, gradients, target, mask } = state;
  optimizer.step({ lr: place.lr, weights, gradients, target, mask });
  context.afterStep?.(step);
  return counted;
}

/** Of running statistics: all of what they were stays, and nothing of the batch comes in. */
const UNMOVED = 1;

/** A step whose forward passes run when its loss asks for them, and which graphs have run. */
export function openStep(
  { state, graphs, labels: labelled, statistics = "all", watchers = new Map(), given = (x) => x }: PassContext,
  tape: Tape,
  { count, images, labels }: Batch,
  { shape, seed, number, epoch }: Omit<StepPlace, "lr">,
): { step: Step; ran: ReadonlyMap<Graph, readonly Tensor[]> } {
  const { gpu, params } = state;
  const x = tape.own(Tensor.from(gpu, images, [count, ...shape]));
  const t = labelled === "absent" ? undefined : tape.own(Tensor.from(gpu, labels, [count]));
  const ran = new Map<Graph, readonly Tensor[]>();
  const frozen = new Map<Model, readonly Tensor[]>();
  const shown = Array.from(watchers, ([value, watch]) => [value, (made: Tensor) => watch(made, step)] as const);
  const step: Step = {
    tape,
    params,
    images: x,
    get labels() {
      if (!t) throw new UserError("the loss reads labels, and the data have none: give labels, or a loss without them");
      return t;
    },
    count,
    epoch,
    mix: 1,
    outputs(graph = graphs[0]) {
      let found = ran.get(graph);
      if (!found) {
        const own = graph === graphs[0]
          ? { observe: new Map(shown) }
          : { momentum: statistics === "first" ? UNMOVED : undefined };
        const options = { seed, step: number, mix: step.mix, ...own };
        const read = graph === graphs[0] ? given(x) : x;
        ran.set(graph, found = executeOutputs(tape, graph, params, read, options));
      }
      return found;
    },
    forward: (graph) => step.outputs(graph)[0],
    frozen(model) {
      let found = frozen.get(model);
      if (!found) frozen.set(model, found = runFrozen(tape, model, state.frozen(model), x));
      return found;
    },
  };
  return { step, ran };
}

/** The outputs alone outlive the pass: its activations go back to the pool before the trained network needs them. */
function runFrozen(tape: Tape, { graph }: Model, params: ReadonlyMap<string, Tensor>, x: Tensor): readonly Tensor[] {
  const [taken, given] = [graph.inputs[0].shape, x.shape].map((shape) => shape.slice(1).join("×"));
  // A network that ends in a global mean would take others, and teach what it was never trained for.
  if (taken !== given) {
    throw new UserError(
      `the teacher "${graph.name}" takes images of ${taken}, and the data have ${given}: give a network for the same images`,
    );
  }
  using own = new Tape(tape.gpu, "eval");
  return executeOutputs(own, graph, params, x).map((output) => tape.own(output.view(output.shape)));
}
