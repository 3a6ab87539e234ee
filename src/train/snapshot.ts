/** All that a training is at a moment, as plain data and host tensors, and the way back. */
import { UserError } from "../errors.ts";
import type { HostTensor, Params } from "../graph/types.ts";
import type { Arena } from "../tensor/arena.ts";
import type { Callback, CallbackState, EpochProgress, Snapshot, Training } from "./types.ts";

/** Where a training stands. */
export interface Position {
  /** Epochs finished. */
  epoch: number;
  progress: EpochProgress;
  /** Epochs that the run had before this training. */
  firstEpoch: number;
  /** Learning rate of the last step. */
  lr: number;
  /** A callback has made the last epoch the last one. */
  stopped: boolean;
}

interface Cursor {
  readonly epoch: number;
  readonly firstEpoch: number;
  readonly progress: EpochProgress;
  readonly stopped: boolean;
  /** Of the optimizer. */
  readonly steps: number;
  /** Callbacks' values by their names. */
  readonly callbacks: Readonly<Record<string, unknown>>;
}

/** Tensors are called `param/…`, `momentum/…` (the optimizer's roles) and `callback.<name>/…`. */
export async function takeSnapshot(
  training: Training,
  { epoch, progress, firstEpoch, stopped }: Position,
  callbacks: readonly Callback[],
): Promise<Snapshot> {
  const { state, optimizer } = training;
  const tensors = new Map<string, HostTensor>();
  const put = (prefix: string, values: Params) => {
    for (const [name, tensor] of values) tensors.set(`${prefix}/${name}`, tensor);
  };
  put("param", await state.download());
  for (const [role, arena] of optimizer.state) put(role, await arena.download());
  const saved: Record<string, unknown> = {};
  for (const callback of callbacks) {
    const own = await callback.snapshot?.(training);
    if (!own) continue;
    saved[callback.name] = own.values ?? null;
    put(prefixOf(callback), own.tensors ?? new Map());
  }
  const cursor: Cursor = { epoch, firstEpoch, progress, stopped, steps: optimizer.steps, callbacks: saved };
  return { cursor, tensors };
}

/** @throws UserError where the snapshot is of another training: other callbacks, parameters or optimizer */
export function restoreSnapshot(
  training: Training,
  position: Position,
  callbacks: readonly Callback[],
  snapshot: Snapshot,
): void {
  const { state, optimizer } = training;
  const { steps, callbacks: saved, ...at } = snapshot.cursor as Cursor;
  const strange = Object.keys(saved).find((name) => !callbacks.some((callback) => callback.name === name));
  if (strange !== undefined) {
    throw new UserError(
      `${training.name}: the snapshot holds what callback "${strange}" kept, which isn't among the callbacks ` +
        `${callbacks.map(({ name }) => name).join(", ")}: go on with the options that it was made with`,
    );
  }
  for (const arena of [state.weights, state.statistics]) {
    arena.upload(complete(part(snapshot, "param"), arena, training));
  }
  for (const [role, arena] of optimizer.state) arena.upload(complete(part(snapshot, role), arena, training));
  optimizer.steps = steps;
  Object.assign(position, at);
  for (const callback of callbacks) {
    if (!(callback.name in saved)) continue;
    const own: CallbackState = {
      values: saved[callback.name] ?? undefined,
      tensors: part(snapshot, prefixOf(callback)),
    };
    callback.restore?.(own, training);
  }
}

function prefixOf({ name }: Callback): string {
  return `callback.${name}`;
}

/** The tensors called `prefix`/…, by the rest of their names. */
function part({ tensors }: Snapshot, prefix: string): Map<string, HostTensor> {
  const found = [...tensors].filter(([name]) => name.startsWith(`${prefix}/`));
  return new Map(found.map(([name, tensor]) => [name.slice(prefix.length + 1), tensor]));
}

/** What an arena takes of `values`, all of it. */
function complete(values: Params, { layout, label }: Arena, { name: training }: Training): Params {
  return new Map(layout.slots.map(({ name }) => {
    const tensor = values.get(name);
    if (!tensor) {
      throw new UserError(
        `${training}: the snapshot lacks ${label} "${name}": go on with the options it was made with`,
      );
    }
    return [name, tensor];
  }));
}
