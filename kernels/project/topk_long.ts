/**
 * Plans the exact top-k of a long score vector. A few thousand samples bracket the k-th largest key; one pass over all
 * keys counts what is above the bracket and keeps the few per cent inside it, among which four radix passes find the
 * threshold; another pass marks. Where the bracket misses, or its candidates don't fit, the radix passes take all keys
 * instead: the device decides, nothing is read back.
 */
import type { Access, Plan, Program } from "../../src/gpu/types.ts";
import { linearGrid } from "../grid.ts";
import { ceilDiv, type Launch, type Step } from "../launch.ts";
import bracketSource from "./topk_bracket.wgsl" with { type: "text" };
import cutSource from "./topk_cut.wgsl" with { type: "text" };
import histogramSource from "./topk_histogram.wgsl" with { type: "text" };
import judgeSource from "./topk_judge.wgsl" with { type: "text" };
import keysSource from "./keys.wgsl" with { type: "text" };
import markSource from "./topk_mark.wgsl" with { type: "text" };
import order from "./order.wgsl" with { type: "text" };
import runsSource from "./runs.wgsl" with { type: "text" };
import pickSource from "./topk_pick.wgsl" with { type: "text" };
import sampleSource from "./topk_sample.wgsl" with { type: "text" };
import seekSource from "./topk_seek.wgsl" with { type: "text" };
import siftSource from "./topk_sift.wgsl" with { type: "text" };
import statusSource from "./topk_status.wgsl" with { type: "text" };
import tiesSource from "./topk_ties.wgsl" with { type: "text" };

const THREADS = 256;
/** A workgroup takes so many scores where ties are counted; windows begin at multiples of it. */
export const TILE = 4096;
/** A thread takes so many fours, and can keep so many candidates; topk_sift.wgsl has the same. */
const FOURS = 64;
const SLOTS = 48;
/** From this many scores on, sampling pays. */
const SAMPLED = 2 ** 18;
const SAMPLES = 16_384;
/** Half the width of the bracket has so many standard deviations of a sampled rank: it misses once in a million. */
const DEVIATIONS = 5;
/** The state takes so many bytes: it has 13 words and 256 bins (keys.wgsl). */
const STATE_BYTES = 4 * (13 + 256);
const MARK_FOURS = 4;

/** Says what the keys are made of: scores, or the weights themselves with the inputs beside them. */
export type KeySource = "scores" | readonly KeyInput[];
export type KeyInput = "dual" | "frozen";

/** This is a stretch of the scores that fits a binding, in elements. */
export interface KeyWindow {
  readonly first: number;
  readonly count: number;
}

export interface LongTopK {
  /** They are in order, and each but the last has a multiple of TILE. */
  readonly windows: readonly KeyWindow[];
  readonly k: number;
  /** The selection writes this word of the status. */
  readonly slot: number;
}

/** Cuts `count` scores of 4 bytes into windows of at most `maxBytes` each. */
export function keyWindows(count: number, maxBytes: number): KeyWindow[] {
  const most = Math.floor(maxBytes / (4 * TILE)) * TILE;
  if (most < TILE) throw new RangeError(`a binding of ${maxBytes} bytes holds no tile of ${TILE} scores`);
  return Array.from({ length: ceilDiv(count, most) }, (_, i) => ({
    first: i * most,
    count: Math.min(most, count - i * most),
  }));
}

/**
 * The operands are "w0", "w1", … (scores or weights, a window each), "mask0", …, "status"; with inputs also "u0", … and
 * "frozen0", ….
 */
export function planLongTopK({ windows, k, slot }: LongTopK, source: KeySource): Launch {
  const count = windows.reduce((sum, w) => sum + w.count, 0);
  const parts = partsOf(windows);
  const { threads, tiles } = parts[parts.length - 1].end;
  const sampled = count >= SAMPLED;
  const one = [1, 1, 1] as const;
  const step = (pass: Pass, w: number, uniforms: number[], grid: Plan["grid"], ...more: string[]) =>
    stepOf(pass, source, w, uniforms, grid, ...more);
  const each = (make: (part: Part, w: number) => Step) => parts.map(make);

  const samples = sampled ? sampling(windows, count) : [];
  const taken = samples.reduce((sum, { samples }) => sum + samples, 0);
  const [lower, upper] = sampled ? ranks(k / count, taken) : [1, 0];
  const columns = (part: Part) => [part.columns[0] * THREADS, part.count, part.threads, part.start.threads];
  const select = [24, 16, 8, 0].flatMap((shift) => [
    ...each((part, w) =>
      step("histogram", w, [...columns(part), shift, knownBits(shift)], part.columns, "slots", "found")
    ),
    step("pick", 0, [shift], one),
  ]);
  const steps = [
    ...samples.map(({ stretch, samples, first }, w) =>
      step("sample", w, [windows[w].count, stretch, samples, first], linearGrid(samples, THREADS), "samples")
    ),
    step("bracket", 0, [taken, lower, upper, k], one, "samples"),
    ...sampled ? each((part, w) => step("sift", w, columns(part), part.columns, "slots", "found")) : [],
    ...sampled ? [step("judge", 0, [k], one)] : [],
    ...select,
    ...each((part, w) => {
      const grid = linearGrid(part.tiles, 1);
      return step("ties", w, [grid[0], part.count, part.tiles, part.start.tiles], grid, "ties");
    }),
    step("seek", 0, [tiles], one, "ties"),
    ...each((part, w) => step("cut", w, [part.count, part.tiles, part.start.tiles], one)),
    ...each((part, w) => {
      const threads = ceilDiv(part.count, 4 * MARK_FOURS);
      const grid = linearGrid(threads, THREADS);
      return step("mark", w, [grid[0] * THREADS, part.count, threads, windows[w].first], grid, `mask${w}`);
    }),
    step("status", 0, [slot], one, "status"),
  ];
  return {
    steps,
    scratch: {
      state: STATE_BYTES,
      samples: 4 * Math.max(1, taken),
      slots: sampled ? 4 * SLOTS * threads : 16,
      found: sampled ? 4 * threads : 16,
      ties: 4 * tiles,
    },
    tables: {},
  };
}

/** N:M over rows of `length` weights: of each run of m the n largest stay. */
export interface Runs {
  /** Each window has so many rows. */
  readonly rows: readonly number[];
  readonly length: number;
  readonly n: number;
  readonly m: number;
  /** The selection writes this word of the status. */
  readonly slot: number;
}

/** The operands are those of `planLongTopK`. */
export function planRuns({ rows, length, n, m, slot }: Runs, inputs: readonly KeyInput[]): Launch {
  if (!(Number.isInteger(n) && Number.isInteger(m) && n >= 1 && n <= m)) {
    throw new RangeError(`N:M: cannot keep ${n} of each ${m}`);
  }
  const across = ceilDiv(length, m);
  const way = m !== 4 ? "runs" : length % 4 === 0 ? "fours" : "any fours";
  const one = [1, 1, 1] as const;
  return {
    steps: [
      stepOf("bracket", inputs, 0, [0, 1, 0, 0], one, "samples"),
      ...rows.map((own, w) => {
        const grid = linearGrid(own * across, THREADS);
        return stepOf(way, inputs, w, [grid[0] * THREADS, own * across, length, across, n, m], grid, `mask${w}`);
      }),
      stepOf("status", inputs, 0, [slot], one, "status"),
    ],
    scratch: { state: STATE_BYTES, samples: 4 },
    tables: {},
  };
}

/** Lists every program that this planner can emit. */
export function variants(): Program[] {
  const weights: KeySource[] = [[], ["dual"], ["frozen"], ["dual", "frozen"]];
  const all = Object.keys(PASSES) as Pass[];
  return [
    ...new Set([
      ...all.filter((pass) => PASSES[pass].source !== runsSource).map((pass) => programOf(pass, "scores")),
      ...weights.flatMap((source) => all.map((pass) => programOf(pass, source))),
    ]),
  ];
}

/** Makes one dispatch; the keys' buffers of window `w` come before its own. */
function stepOf(
  pass: Pass,
  source: KeySource,
  w: number,
  uniforms: number[],
  grid: Plan["grid"],
  ...more: string[]
): Step {
  const given = (input: KeyInput, name: string) =>
    source !== "scores" && source.includes(input) ? `${name}${w}` : `w${w}`;
  return {
    plan: { program: programOf(pass, source), uniforms, grid },
    bindings: [`w${w}`, given("dual", "u"), given("frozen", "frozen"), "state", ...more],
  };
}

interface Part {
  readonly count: number;
  readonly threads: number;
  readonly tiles: number;
  readonly columns: Plan["grid"];
  /** Counts the threads and tiles of the windows before this one, and with it. */
  readonly start: { readonly threads: number; readonly tiles: number };
  readonly end: { readonly threads: number; readonly tiles: number };
}

function partsOf(windows: readonly KeyWindow[]): Part[] {
  let start = { threads: 0, tiles: 0 };
  return windows.map(({ count }) => {
    const columns = linearGrid(ceilDiv(count, 4 * FOURS), THREADS);
    const threads = ceilDiv(ceilDiv(count, 4 * FOURS), THREADS) * THREADS;
    const tiles = ceilDiv(count, TILE);
    const part = {
      count,
      threads,
      tiles,
      columns,
      start,
      end: { threads: start.threads + threads, tiles: start.tiles + tiles },
    };
    start = part.end;
    return part;
  });
}

/** Shares SAMPLES out over all windows, as many to each as its share of the scores. */
function sampling(windows: readonly KeyWindow[], count: number) {
  let first = 0;
  return windows.map((window) => {
    const samples = Math.max(1, Math.floor(SAMPLES * window.count / count));
    const part = { first, samples, stretch: Math.floor(window.count / samples) };
    first += samples;
    return part;
  });
}

/**
 * Gives the ranks among the samples between which the key of rank fraction·count lies, [the lower key's, the upper
 * key's].
 */
function ranks(fraction: number, samples: number): [lower: number, upper: number] {
  const slack = DEVIATIONS * Math.sqrt(samples * fraction * (1 - fraction)) + DEVIATIONS;
  return [Math.ceil(fraction * samples + slack), Math.max(0, Math.floor(fraction * samples - slack))];
}

function knownBits(shift: number): number {
  return shift === 24 ? 0 : (0xffffffff << (shift + 8)) >>> 0;
}

type Pass =
  | "sample"
  | "bracket"
  | "sift"
  | "judge"
  | "histogram"
  | "pick"
  | "ties"
  | "seek"
  | "cut"
  | "mark"
  | "status"
  | "runs"
  | "fours"
  | "any fours";

interface Text {
  readonly source: string;
  /** It binds these buffers after the keys' w, u, frozen and state. */
  readonly own: number;
  readonly constants?: Readonly<Record<string, number>>;
}

const PASSES: Readonly<Record<Pass, Text>> = {
  sample: { source: sampleSource, own: 1 },
  bracket: { source: bracketSource, own: 1 },
  sift: { source: siftSource, own: 2 },
  judge: { source: judgeSource, own: 0 },
  histogram: { source: histogramSource, own: 2 },
  pick: { source: pickSource, own: 0 },
  ties: { source: tiesSource, own: 1 },
  seek: { source: seekSource, own: 1 },
  cut: { source: cutSource, own: 0 },
  mark: { source: markSource, own: 1 },
  status: { source: statusSource, own: 1 },
  runs: { source: runsSource, own: 1, constants: { FOURS: 0 } },
  fours: { source: runsSource, own: 1, constants: { FOURS: 1 } },
  "any fours": { source: runsSource, own: 1, constants: { FOURS: 2 } },
};

/** These look at no key but through `state`: one program serves whatever the source. */
const BLIND: readonly Pass[] = ["bracket", "judge", "pick", "seek", "status"];

const programs = new Map<string, Program>();

function programOf(pass: Pass, source: KeySource): Program {
  const { source: text, own, constants: more } = PASSES[pass];
  const weights = source !== "scores";
  const constants: Record<string, number> = BLIND.includes(pass) ? {} : {
    WEIGHTS: Number(weights),
    DUAL: Number(weights && source.includes("dual")),
    FROZEN: Number(weights && source.includes("frozen")),
    ...more,
  };
  const key = JSON.stringify([pass, constants]);
  let program = programs.get(key);
  if (!program) {
    const access: Access[] = ["read", "read", "read", "read_write", ...Array<Access>(own).fill("read_write")];
    program = { name: `top-k ${pass}`, source: `${order}\n${keysSource}\n${text}`, access, constants };
    programs.set(key, program);
  }
  return program;
}
