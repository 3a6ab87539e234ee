import type { Engine, Io } from "../../src/cli/io.ts";
import { runProgram } from "../../src/cli/program.ts";
import { silentUi } from "../../src/ui.ts";
import type { Point, Report } from "../../src/report/types.ts";
import { memoryStore } from "../../src/store/memory.ts";

export interface Session {
  readonly io: Io;
  readonly out: string[];
  readonly err: string[];
  readonly interrupt: AbortController;
  /** Runs one command line: its exit code. */
  run(...args: string[]): Promise<number>;
}

/** A command line without a process: memory for files, a stand-in for the pipeline. */
export function session(engine: Partial<Engine> = {}): Session {
  const out: string[] = [];
  const err: string[] = [];
  const interrupt = new AbortController();
  const io: Io = {
    store: memoryStore(),
    out: (text) => out.push(text),
    err: (text) => err.push(text),
    ui: () => ({ ...silentUi(), close() {} }),
    signal: interrupt.signal,
    debug: () => 0,
    width: 100,
    version: () => "0.1.0",
    commit: () => Promise.resolve("0123456"),
    removeEmptyFolder: () => Promise.resolve(),
    lockFolder: () => Promise.resolve({ [Symbol.asyncDispose]: () => Promise.resolve() }),
    engine: () =>
      Promise.resolve({
        runPrune: () => unexpected("runPrune"),
        evaluateNetwork: () => unexpected("evaluateNetwork"),
        explainRun: () => unexpected("explainRun"),
        explainOnData: () => unexpected("explainOnData"),
        verifyRun: () => unexpected("verifyRun"),
        askKernel: () => unexpected("askKernel"),
        tuneModels: () => unexpected("tuneModels"),
        timeNetworks: () => unexpected("timeNetworks"),
        searchDevice: () => unexpected("searchDevice"),
        surveyNetwork: () => unexpected("surveyNetwork"),
        measureSensitivity: () => unexpected("measureSensitivity"),
        measureTable: () => unexpected("measureTable"),
        diagnose: () => unexpected("diagnose"),
        ...engine,
      }),
    serving: () => Promise.reject(new Error("no server was expected here")),
    confirm: () => false,
  };
  return { io, out, err, interrupt, run: (...args) => runProgram(args, io) };
}

function unexpected(name: string): Promise<never> {
  return Promise.reject(new Error(`${name} was not expected here`));
}

const point = (name: string, test: number, params: number): Point => ({
  name,
  accuracy: { validation: test + 0.005, test },
  params,
  nonzero: params - 10,
  macs: 20 * params,
  bytes: 4 * params,
});

export const report: Report = {
  version: 1,
  tool: "secateur 0.1.0",
  commit: "0123456",
  seed: 1,
  command: "secateur prune",
  adapter: { vendor: "mesa", description: "llvmpipe", fallback: true },
  baseline: point("train", 0.9765, 430_500),
  stages: [point("train", 0.9765, 430_500), point("admm", 0.97, 430_500), point("compact", 0.9701, 10_250)],
  final: point("compact", 0.9701, 10_250),
  best: point("best", 0.972, 10_250),
  controls: { magnitude: point("magnitude", 0.95, 10_250), scratch: point("scratch", 0.96, 10_250) },
  compression: { params: 42, nonzero: 42.04, macs: 12.345 },
  equivalence: { maxAbs: 1e-6, maxRel: 2.5e-7, inputs: 1024 },
  admm: [{ layer: "conv1", residual: 0.01 }, { layer: "fc1", residual: 0.0321 }],
  latency: (["dense", "masked", "compact"] as const).flatMap((variant, i) =>
    [1, 256].map((batch) => ({
      variant,
      batch,
      medianMs: batch * (3 - i) + 0.1234,
      madMs: 0.0123,
      samples: 30,
      clock: "timestamp-query",
      quantumMs: 1e-6,
    }))
  ),
  speedup: [{ batch: 1, ratio: 2.5 }, { batch: 256, ratio: 3 }],
  requested: { params: 0.025 },
  achieved: { params: 0.0238 },
};
