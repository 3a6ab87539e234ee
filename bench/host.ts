/** Where a measured suite runs: in this process, or in a page of a headless Chromium. */
import { prepareEnvironment } from "../src/cli/environment.ts";
import { Gpu } from "../src/gpu/gpu.ts";
import { measureRoofline, type Roofline } from "../src/measure/roofline.ts";
import type { Call, Opened } from "./browser/entry.ts";
import { openPage } from "./browser/page.ts";
import { keepRoof, readRoofs } from "./roofs.ts";
import { type Bench, type MeasuredSuite, roofKey, type Row, type SuiteOptions } from "./suite.ts";

export interface Host {
  readonly info: Gpu["info"];
  readonly roofline: Roofline;
  /** Versions of what runs the code. */
  readonly versions: Readonly<Record<string, string>>;
  run(suite: MeasuredSuite, options: SuiteOptions, index: number): Promise<readonly Row[]>;
  close(): Promise<void>;
}

export async function denoHost(tuning: Bench["tuning"]): Promise<Host> {
  prepareEnvironment();
  const gpu = await Gpu.open();
  const key = roofKey(gpu.info, `deno ${Deno.version.deno}`);
  const bench: Bench = { gpu, roofline: readRoofs()[key] ?? await measureRoofline(gpu), tuning };
  keepRoof(key, bench.roofline);
  return {
    info: gpu.info,
    roofline: bench.roofline,
    versions: {},
    run: (suite, options, index) => suite.cases(options)[index].run(bench),
    close: () => Promise.resolve(gpu.close()),
  };
}

export async function browserHost(tuning: Bench["tuning"]): Promise<Host> {
  const page = await openPage({ adapter: "any", onConsole: (kind, text) => kind === "error" && console.error(text) });
  const call = <T>(argument: Call) => page.call<T>(`${import.meta.dirname}/browser/entry.ts`, argument);
  const runtime = `chromium ${page.version}`;
  const { info, roofline } = await call<Opened>({ do: "open", tuning, runtime, roofs: readRoofs() });
  keepRoof(roofKey(info, runtime), roofline);
  return {
    info,
    roofline,
    versions: { chromium: page.version },
    run: ({ name }, options, index) => call<readonly Row[]>({ do: "run", suite: name, options, index }),
    close: page.close,
  };
}
