/** The measured suites in a page: one device, opened by the first call and kept. Everything goes in and out as JSON. */
import { Gpu } from "../../src/gpu/gpu.ts";
import { measureRoofline, type Roofline } from "../../src/measure/roofline.ts";
import { type Bench, roofKey, type Roofs, type Row, type SuiteOptions } from "../suite.ts";
import { MEASURED } from "../suites/measured.ts";

export type Call =
  | { readonly do: "open"; readonly tuning: Bench["tuning"]; readonly runtime: string; readonly roofs: Roofs }
  | { readonly do: "run"; readonly suite: string; readonly options: SuiteOptions; readonly index: number };

export interface Opened {
  readonly info: Gpu["info"];
  readonly roofline: Roofline;
}

let bench: Bench;

export default async function answer(call: Call): Promise<Opened | readonly Row[]> {
  if (call.do === "open") {
    const gpu = await Gpu.open();
    const known = call.roofs[roofKey(gpu.info, call.runtime)];
    bench = { gpu, roofline: known ?? await measureRoofline(gpu), tuning: call.tuning };
    return { info: gpu.info, roofline: bench.roofline };
  }
  const suite = MEASURED.find(({ name }) => name === call.suite)!;
  return await suite.cases(call.options)[call.index].run(bench);
}
