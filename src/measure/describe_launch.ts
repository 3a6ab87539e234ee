/** Says in plain data what a launch does on a device, dispatch by dispatch. */
import type { Launch, Step } from "../../kernels/launch.ts";
import { constantText } from "../gpu/shader.ts";
import type { Program } from "../gpu/types.ts";

export interface DispatchDescription {
  /** It says when it runs: once for a weight, or in each call. */
  readonly when: "once" | "each call";
  readonly kernel: string;
  /** The constants of the kernel's source that the planner has set. */
  readonly constants: Readonly<Record<string, number>>;
  readonly workgroups: readonly [number, number, number];
  /** Of one workgroup along x, y and z. */
  readonly workgroupSize: readonly [number, number, number];
  /** In all workgroups; some may have nothing to do at the borders. */
  readonly threads: number;
  /** Each buffer in the order of its binding, and how it is read. */
  readonly bindings: readonly { readonly name: string; readonly access: string }[];
  /** The kernel's WGSL as it is compiled, without the `enable` lines of its features. */
  readonly wgsl: string;
}

export interface LaunchDescription {
  readonly dispatches: readonly DispatchDescription[];
  /** Bytes of each buffer that it needs beside its operands. */
  readonly scratch: Readonly<Record<string, number>>;
}

export function describeLaunch({ prepare = [], steps, scratch }: Launch): LaunchDescription {
  return {
    dispatches: [
      ...prepare.map((step) => describeStep(step, "once")),
      ...steps.map((step) => describeStep(step, "each call")),
    ],
    scratch,
  };
}

function describeStep({ plan: { program, grid }, bindings }: Step, when: DispatchDescription["when"]) {
  const wgsl = constantText(program);
  const workgroupSize = workgroupSizeOf(program, wgsl);
  return {
    when,
    kernel: program.name,
    constants: program.constants ?? {},
    workgroups: grid,
    workgroupSize,
    threads: product(grid) * product(workgroupSize),
    bindings: bindings.map((name, i) => ({ name, access: program.access[i] })),
    wgsl,
  };
}

const SIZE = /workgroup_size\(([^)]*)\)/;

/** Reads a shader's `workgroup_size(64)`, or what it says in place of the number. */
export function workgroupSizeOf({ name }: Program, wgsl: string): [number, number, number] {
  const sizes = (SIZE.exec(wgsl)?.[1] ?? "").split(",").map((part) => {
    const value = valueOf(part, wgsl);
    if (!(value > 0)) throw new RangeError(`kernel "${name}": its workgroup size "${part}" can't be read`);
    return value;
  });
  const [x, y = 1, z = 1] = sizes;
  return [x, y, z];
}

/** Of a number, a constant, or a product of both, such as `64u * SLICES`; NaN for anything else. */
function valueOf(text: string, wgsl: string): number {
  return text.split("*").reduce((product, factor) => {
    const word = factor.trim();
    const [, digits] = /^(\d+)u?$/.exec(word) ?? [];
    if (digits !== undefined) return product * Number(digits);
    const line = /^\w+$/.test(word) && new RegExp(`const ${word}: *u32 *= *([^;]+);`).exec(wgsl);
    return line ? product * valueOf(line[1], wgsl) : NaN;
  }, 1);
}

function product([x, y, z]: readonly [number, number, number]): number {
  return x * y * z;
}
