/** What a benchmark leaves behind: bench/results/<suite>-<time>.json, with everything needed to judge its numbers. */
import { commit } from "../src/cli/identity.ts";
import { adapterName } from "../src/gpu/adapter.ts";
import type { Gpu } from "../src/gpu/gpu.ts";

export interface Setting {
  readonly suite: string;
  readonly date: string;
  /** The commit of the source that ran, with "+" if files had been changed since; "unknown" without git. */
  readonly commit: string;
  readonly adapter: Gpu["info"];
  /** `load` is how many processes wanted a core, on average over the last minute, as the suite began. */
  readonly machine: { readonly os: string; readonly arch: string; readonly cores: number; readonly load: number };
  /** Versions of Deno, V8 and the contestants' packages. */
  readonly versions: Readonly<Record<string, string>>;
  readonly seed: number;
  readonly clock: string;
  /** The smallest step that the clock can show, in ms. */
  readonly quantumMs: number;
}

/** Read before the suite itself makes any. */
const loadAtStart = Deno.loadavg()[0];
/** A machine is busy when others want more than this part of its cores. */
const BUSY = 0.3;
export const RESULTS = `${import.meta.dirname}/results`;

/** Whether others kept this machine busy as the process began. */
export function isBusy(): boolean {
  return loadAtStart > navigator.hardwareConcurrency * BUSY;
}

export async function describeSetting(
  suite: string,
  gpu: Pick<Gpu, "info">,
  rest: Pick<Setting, "versions" | "seed" | "clock" | "quantumMs">,
): Promise<Setting> {
  return {
    suite,
    date: new Date().toISOString(),
    commit: await commit(),
    adapter: gpu.info,
    machine: machineHere(),
    ...rest,
    versions: { deno: Deno.version.deno, v8: Deno.version.v8, ...rest.versions },
  };
}

export function machineHere(): Setting["machine"] {
  return { os: Deno.build.os, arch: Deno.build.arch, cores: navigator.hardwareConcurrency, load: loadAtStart };
}

/** Writes the record, which then stands in bench/results/index.html too, and returns its path. */
export function writeRecord(setting: Setting, results: unknown): string {
  Deno.mkdirSync(RESULTS, { recursive: true });
  const path = `${RESULTS}/${setting.suite}-${setting.date.replaceAll(":", "-")}.json`;
  Deno.writeTextFileSync(path, JSON.stringify({ ...setting, results }, null, 2) + "\n");
  return path;
}

/** The lines above a table: what was measured on. */
export function printSetting({ adapter, machine, commit, seed, versions }: Setting): void {
  console.log(`adapter   ${adapterName(adapter)}${adapter.fallback ? " (software: says little about GPUs)" : ""}`);
  const busy = machine.load > machine.cores * BUSY ? " (busy: measure again in a quiet minute)" : "";
  console.log(
    `machine   ${machine.os} ${machine.arch}, ${machine.cores} cores, load ${machine.load.toFixed(1)}${busy}`,
  );
  console.log(`versions  ${Object.entries(versions).map(([what, version]) => `${what} ${version}`).join(", ")}`);
  console.log(`source    ${commit}, seed ${seed}\n`);
}
