/** What the compiler says of each layer and step, as a record and as tables. Pure. */
import type { ProfileName } from "../../kernels/device_profile.ts";
import type { Program } from "../../src/gpu/types.ts";
import type { HotLoop } from "./assembly.ts";
import type { Call, KernelRun } from "./calls.ts";
import type { Compiled } from "./compile.ts";
import { type TargetGpu, wavesPerSimd } from "./gpus.ts";

/** What a record of the suite holds. */
export interface CompilerResults {
  readonly gpu: string;
  readonly about: string;
  readonly profile: ProfileName;
  readonly mesa: string;
  readonly workloads: readonly WorkloadResult[];
}

export interface WorkloadResult {
  readonly name: string;
  readonly dispatches: number;
  /** Copies and clears of buffers between them. */
  readonly copies: number;
  readonly calls: readonly CallResult[];
}

/** A layer or a step; equal ones are one. */
export interface CallResult {
  readonly label: string;
  readonly way?: string;
  readonly times: number;
  readonly kernels: readonly KernelResult[];
}

export interface KernelResult {
  readonly kernel: string;
  /** In each of the layers or steps. */
  readonly dispatches: number;
  /** Launched by a dispatch, 64 threads to a wave. */
  readonly waves: number;
  readonly vgprs: number;
  readonly spilled: number;
  /** Workgroup memory in bytes. */
  readonly lds: number;
  /** Its waves that a SIMD holds at a time. */
  readonly resident: number;
  /** The hot loop's multiply-adds among its vector arithmetic. */
  readonly share?: number;
  /** Bytes that a lane moves in it from and to memory and workgroup memory, for a multiply-add. */
  readonly bytes?: number;
}

/** Calls that the tables can't tell apart are one; so are a call's dispatches in a row. */
export function callResults(
  gpu: TargetGpu,
  calls: readonly Call[],
  compiled: (program: Program) => Compiled,
): CallResult[] {
  const results = calls.map(({ label, way, kernels, times }) => ({
    times,
    rest: { label, ...way !== undefined && { way }, kernels: kernelResults(gpu, kernels, compiled) },
  }));
  return [...Map.groupBy(results, ({ rest }) => JSON.stringify(rest)).values()].map((equal) => ({
    ...equal[0].rest,
    times: equal.reduce((sum, { times }) => sum + times, 0),
  }));
}

function kernelResults(
  gpu: TargetGpu,
  runs: readonly KernelRun[],
  compiled: (program: Program) => Compiled,
): KernelResult[] {
  const made: KernelResult[] = [];
  const results = runs.map(({ program, dispatches, waves, threads }) => {
    const { vgprs, spilled, lds, wave, hot } = compiled(program);
    const resident = Math.round(10 * wavesPerSimd(gpu, { vgprs, lds, threads, wave })) / 10;
    const loop = hot && { share: rounded(shareOf(hot)), bytes: rounded(hot.bytes / hot.multiplyAdds) };
    return { kernel: program.name, dispatches, waves, vgprs, spilled, lds, resident, ...loop };
  });
  for (const { dispatches, ...rest } of results) {
    const { dispatches: before = 0, ...last } = made.at(-1) ?? {};
    const same = JSON.stringify(last) === JSON.stringify(rest);
    if (same) made.pop();
    made.push({ dispatches: (same ? before : 0) + dispatches, ...rest });
  }
  return made;
}

function rounded(n: number): number {
  return Math.round(1000 * n) / 1000;
}

function shareOf({ multiplyAdds, vector }: HotLoop): number {
  return multiplyAdds / (multiplyAdds + vector);
}

export interface CompilerTable {
  readonly title: string;
  readonly header: readonly string[];
  readonly lines: readonly (readonly string[])[];
}

/** A line for each network: what matters of all its kernels. */
export function summaryTable(workloads: readonly WorkloadResult[]): CompilerTable {
  return {
    title: "network, step or product",
    header: [
      "dispatches",
      "copies",
      "kernels that spill",
      "largest spill",
      "most VGPRs",
      "main kernels below 320 waves",
    ],
    lines: workloads.map(({ name, dispatches, copies, calls }) => {
      const kernels = calls.flatMap(({ kernels }) => kernels);
      const spilling = kernels.filter(({ spilled }) => spilled > 0);
      const main = calls.flatMap(({ kernels, times }) => kernels.filter(multiplies).map((one) => ({ ...one, times })));
      const few = main.filter(({ waves }) => waves < FEW_WAVES);
      const count = (list: readonly { readonly times: number }[]) => list.reduce((sum, { times }) => sum + times, 0);
      return [
        name,
        String(dispatches),
        String(copies),
        String(spilling.length),
        String(Math.max(0, ...spilling.map(({ spilled }) => spilled))),
        String(Math.max(...kernels.map(({ vgprs }) => vgprs))),
        `${count(few)} of ${count(main)}`,
      ];
    }),
  };
}

/** Two waves for each of 160 SIMDs. */
const FEW_WAVES = 320;

function multiplies({ share = 0 }: KernelResult): boolean {
  return share > 0.4;
}

const KERNEL_HEADER = ["dispatches", "waves", "VGPRs", "spilled", "LDS", "resident", "multiply-adds", "bytes each"];

/** A line for each kernel of each layer and step. */
export function workloadTable({ name, dispatches, copies, calls }: WorkloadResult): CompilerTable {
  const between = copies > 0 ? ` and ${copies} copies` : "";
  return {
    title: `${name}: ${dispatches} dispatches${between}`,
    header: ["kernel", "layers", ...KERNEL_HEADER],
    lines: calls.flatMap(({ label, way, times, kernels }) =>
      kernels.map((kernel, i) => [
        i === 0 ? `${label}${way ? `, ${way}` : ""}` : "",
        kernel.kernel,
        i === 0 ? String(times) : "",
        ...kernelCells(kernel),
      ])
    ),
  };
}

function kernelCells({ dispatches, waves, vgprs, spilled, lds, resident, share, bytes }: KernelResult): string[] {
  return [
    ...[dispatches, waves, vgprs, spilled, lds, resident].map(String),
    share === undefined ? "–" : `${Math.round(100 * share)} %`,
    bytes === undefined ? "–" : bytes.toFixed(2),
  ];
}

/** A line for each kernel that multiplies and adds, and each that spills, by name: of its variants the worst. */
export function kernelTable(workloads: readonly WorkloadResult[]): CompilerTable {
  const all = workloads.flatMap(({ calls }) => calls.flatMap(({ kernels }) => kernels));
  const named = Map.groupBy(
    all.filter((one) => multiplies(one) || one.spilled > 0),
    ({ kernel }) => kernel,
  );
  const range = (list: readonly number[], text: (n: number) => string = String) => {
    const [least, most] = [Math.min(...list), Math.max(...list)].map(text);
    return list.length === 0 ? "–" : least === most ? least : `${least} to ${most}`;
  };
  return {
    title: "kernel",
    header: ["waves", "VGPRs", "spilled", "LDS", "resident", "multiply-adds", "bytes each"],
    lines: [...named].sort(([a], [b]) => a < b ? -1 : 1).map(([name, kernels]) => [
      name,
      range(kernels.map(({ waves }) => waves)),
      range(kernels.map(({ vgprs }) => vgprs)),
      range(kernels.map(({ spilled }) => spilled)),
      range(kernels.map(({ lds }) => lds)),
      range(kernels.map(({ resident }) => resident)),
      range(kernels.flatMap(({ share }) => share ?? []), (share) => `${Math.round(100 * share)} %`),
      range(kernels.flatMap(({ bytes }) => bytes ?? []), (bytes) => bytes.toFixed(2)),
    ]),
  };
}
