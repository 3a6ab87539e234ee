/** The parameters of one network, or of several that share them, on the device. */
import { UserError } from "../errors.ts";
import type { Gpu } from "../gpu/gpu.ts";
import { isStatistic } from "../graph/roles.ts";
import type { Graph, HostTensor, Params, ParamSpec } from "../graph/types.ts";
import { type Arena, createArena } from "../tensor/arena.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Shape and role by name. */
export type ParamSpecs = Readonly<Record<string, ParamSpec>>;

/** The parameters of graphs on the device. */
export interface DeviceParams extends Disposable {
  /** Shape and role of each parameter, in the order of `download`. */
  readonly specs: ParamSpecs;
  /** What an optimizer may move. */
  readonly weights: Arena;
  /** Running means and variances: BN writes them while it reads γ and β, so they are in a buffer of their own. */
  readonly statistics: Arena;
  /** Every parameter and statistic by name, as the executor takes them. */
  readonly params: ReadonlyMap<string, Tensor>;
  /** All of them, in one wait. */
  download(): Promise<Params>;
  /** Gives their buffers back. */
  dispose(): void;
}

/**
 * Uploads the parameters that `graphs` read, each once however many graphs share it.
 * @throws UserError where a parameter is missing, has another length, or two graphs describe it differently
 */
export function uploadParams(gpu: Gpu, graphs: readonly Graph[], values: Params): DeviceParams {
  const specs = sharedSpecs(graphs);
  const list = Object.entries(specs).map(([name, { shape, role }]) => ({ name, shape, role }));
  for (const { name, shape } of list) {
    const size = shape.reduce((product, n) => product * n, 1);
    const found = values.get(name)?.data.length;
    if (found !== size) {
      throw new UserError(`parameter "${name}" [${shape}] has ${found ?? "no"} values, expected ${size}`);
    }
  }
  const weights = createArena(gpu, list.filter(({ role }) => !isStatistic(role)), "weights");
  const statistics = createArena(gpu, list.filter(({ role }) => isStatistic(role)), "statistics");
  const arenaOf = (name: string) => isStatistic(specs[name].role) ? statistics : weights;
  for (const { name } of list) arenaOf(name).upload(new Map([[name, values.get(name)!]]));
  const dispose = () => {
    weights.dispose();
    statistics.dispose();
  };
  return {
    specs,
    weights,
    statistics,
    params: new Map(list.map(({ name }) => [name, arenaOf(name).tensor(name)])),
    async download() {
      const [w, s] = [await weights.download(), await statistics.download()];
      return new Map(list.map(({ name }) => [name, (w.get(name) ?? s.get(name)) as HostTensor]));
    },
    dispose,
    [Symbol.dispose]: dispose,
  };
}

/** The parameters of all graphs, those of the first one first. */
function sharedSpecs(graphs: readonly Graph[]): ParamSpecs {
  const specs: Record<string, ParamSpec> = {};
  for (const graph of graphs) {
    for (const [name, spec] of Object.entries(graph.params)) {
      const known = specs[name] ??= spec;
      if (known.role !== spec.role || known.shape.join() !== spec.shape.join()) {
        throw new UserError(
          `parameter "${name}" is a ${spec.role} [${spec.shape}] in graph "${graph.name}" and a ${known.role} ` +
            `[${known.shape}] in one before it: graphs that are trained together must agree on what they share`,
        );
      }
    }
  }
  return specs;
}
