/**
 * Activations whose axes stand in another order in the file than in the graph, where the batch is the first axis of every
 * value: tokens first and samples second, or all heads of all samples along one axis, as PyTorch's MultiheadAttention has them.
 */
import type { Attrs, Shape } from "../../graph/types.ts";
import { productOf, type Size } from "./sizes.ts";

/**
 * Axis i in the file is the axes `groups[i]` of the value, one after the other in row-major order; none: an axis of size 1.
 * Only the group of axis 0, the batch, holds more than one.
 */
export interface View {
  readonly value: string;
  readonly groups: readonly (readonly number[])[];
}

/** A value as it is. */
export function plainView(value: string, rank: number): View {
  return { value, groups: Array.from({ length: rank }, (_, axis) => [axis]) };
}

export function isPlain({ groups }: View): boolean {
  return groups.every((group, axis) => group.length === 1 && group[0] === axis);
}

/** Whether the batch stands first and alone, so that the view can be computed as a value of its own. */
export function isBatchFirst({ groups: [first] }: View): boolean {
  return first?.length === 1 && first[0] === 0;
}

/** The axis in the file along which the batch stands. */
export function batchAxis({ groups }: View): number {
  return groups.findIndex((group) => group.includes(0));
}

/** Where the batch stands, for messages. */
export function batchText(view: View): string {
  const at = batchAxis(view);
  return view.groups[at].length === 1 ? `the batch as axis ${at}` : `the batch beside other sizes along axis ${at}`;
}

/** Sizes in the file, of the value's shape. */
export function sizesOf({ groups }: View, shape: Shape): readonly Size[] {
  // The batch stands in one group only.
  return groups.map((group) => group.reduce<Size>((size, axis) => productOf(size, shape[axis])!, 1));
}

/** The order of the value's axes in which they stand in the file, but for the batch, which is first. */
export function orderOf({ groups }: View): readonly number[] {
  return [0, ...groups.flat().filter((axis) => axis !== 0)];
}

/** The groups of the view's value once it has all axes of the file, those of size 1 too, in their order. */
export function groupsInOrder(view: View): View["groups"] {
  const at = batchAxis(view);
  let next = at + 1;
  const batch = view.groups[at].map((axis) => axis === 0 ? 0 : next++);
  return view.groups.map((_, i) => i < at ? [i + 1] : i === at ? batch : [next++]);
}

/**
 * The view's value with the batch first and all axes of the file in their order.
 *
 * @param shape of the view's value
 * @param make adds a node and gives what it makes
 */
export function inOrder(view: View, shape: Shape, make: MakeNode): View {
  const order = orderOf(view);
  const groups = groupsInOrder(view);
  let { value } = view;
  if (!order.every((axis, i) => axis === i)) value = make("Transpose", [value], { perm: order });
  if (view.groups.every((group) => group.length > 0)) return { value, groups };
  const sizes = view.groups.flatMap((group) =>
    group.length === 0 ? [1] : group.filter((axis) => axis !== 0).map((axis) => shape[axis] as number)
  );
  return { value: make("Reshape", [value], { shape: [0, ...sizes] }), groups };
}

type MakeNode = (op: "Transpose" | "Reshape", inputs: readonly string[], attrs: Attrs) => string;

/** Sizes of a sample before and behind the batch, in the order of the file. */
export function around({ groups }: View, shape: Shape): { readonly before: number; readonly behind: number } {
  const order = groups.flat();
  const at = order.indexOf(0);
  const product = (axes: readonly number[]) => axes.reduce((size, axis) => size * (shape[axis] as number), 1);
  return { before: product(order.slice(0, at)), behind: product(order.slice(at + 1)) };
}
