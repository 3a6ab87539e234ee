/**
 * Plans direct 3×3 convolutions: a thread makes 4×4 pixels of up to 16 filters and reads the weights from a uniform
 * panel (direct4x4.wgsl). They make the forward pass with strides of 1 and 2 and, with the kernel turned round, the
 * data gradient of stride 1. Each 16 filters and each panel of channels take one dispatch.
 */
import type { Program } from "../../src/gpu/types.ts";
import type { DeviceProfile } from "../device_profile.ts";
import { linearGrid } from "../grid.ts";
import { ceilDiv, type Epilogue, epilogueConstants, EPILOGUES, type Launch, type Step } from "../launch.ts";
import { inFours } from "./pack.ts";
import { type Halo, haloBytes, isBare, padStep } from "./pad.ts";
import { convOutput, type ConvShape } from "./shape.ts";
import source from "./direct4x4.wgsl" with { type: "text" };
import pack from "./weight_panel.wgsl" with { type: "text" };

/** A uniform panel has one of these sizes, in fours of weights; the last is what every device binds. */
const PANELS = [256, 1024, 4096];
const LARGEST = PANELS[PANELS.length - 1];
const TAPS = 9;
const GROUP = 64;

/** The packing of the weights is apart from the rest of the launch. */
export interface Direct4x4Launch extends Launch {
  readonly prepare: readonly Step[];
}

/** A group of fewer outputs than a block has leaves lanes of its vectors idle. */
const BLOCK = 4;

/**
 * Says whether `direct4x4Forward` or `direct4x4Dgrad` can do this shape, and isn't out of the question: each group is a
 * dispatch of its own, of which a depthwise layer would have as many as channels.
 */
export function fitsDirect4x4(s: ConvShape, direction: Direction): boolean {
  const { kernel, stride, dilation, pads, taps, groups } = s;
  const plain = kernel.every((k) => k === 3) && dilation.every((d) => d === 1) && taps === undefined;
  if (!plain || stride[0] !== stride[1]) return false;
  if (groups > 1 && (direction === "forward" ? s.filters : s.channels) / groups < BLOCK) return false;
  // Turning the kernel round asks for paddings of 0 … 2.
  return direction === "forward" ? stride[0] <= 2 : stride[0] === 1 && pads.every((p) => p <= 2);
}

/** The operands are "x", "w", "y" and, as the epilogue says, "bias" and "residual". */
export function direct4x4Forward(s: ConvShape, epilogue: Epilogue): Direct4x4Launch {
  const [rows, cols] = convOutput(s);
  const perGroup = s.channels / s.groups;
  return direct4x4Launch(
    {
      batch: s.batch,
      groups: s.groups,
      channels: perGroup,
      filters: s.filters / s.groups,
      rows,
      cols,
      height: s.height,
      width: s.width,
      top: s.pads[0],
      left: s.pads[1],
      stride: s.stride[0],
      order: Array.from({ length: perGroup * TAPS }, (_, k) => k),
      perFilter: perGroup * TAPS,
      perGroup: s.filters / s.groups * perGroup * TAPS,
    },
    epilogue,
    { x: "x", y: "y" },
  );
}

/**
 * The operands are "dy", "w" and "dx": dx is a convolution of dy with each kernel turned round and filters as channels.
 */
export function direct4x4Dgrad(s: ConvShape): Launch {
  const [height, width] = convOutput(s);
  const filters = s.filters / s.groups, perGroup = s.channels / s.groups;
  const { prepare, ...launch } = direct4x4Launch(
    {
      batch: s.batch,
      groups: s.groups,
      channels: filters,
      filters: perGroup,
      rows: s.height,
      cols: s.width,
      height,
      width,
      top: 2 - s.pads[0],
      left: 2 - s.pads[1],
      stride: 1,
      order: Array.from({ length: filters * TAPS }, (_, k) => {
        const f = Math.floor(k / TAPS), tap = k % TAPS;
        return f * perGroup * TAPS + TAPS - 1 - tap;
      }),
      perFilter: TAPS,
      perGroup: filters * perGroup * TAPS,
    },
    {},
    { x: "dy", y: "dx" },
  );
  return { ...launch, steps: [...prepare, ...launch.steps] };
}

/** Estimates how long all threads' instructions take, in ns of one group of 8 lanes. */
export function direct4x4Cost(s: ConvShape, profile: DeviceProfile, direction: Direction): number {
  const [rows, cols] = direction === "forward" ? convOutput(s) : [s.height, s.width];
  const [filters, channels] = direction === "forward" ? [s.filters, s.channels] : [s.channels, s.filters];
  const { load4Ns, uniform4Ns, fmaNs, storeNs, spill } = profile.conv;
  const tiles = s.batch * ceilDiv(rows, 4) * ceilDiv(cols, 4);
  const loads = s.stride[0] === 1 ? 9 : 20;
  const perTile = filterBlocks(filters / s.groups).reduce((sum, { blocks, rest }) => {
    const kernels = blocks + Math.min(rest, 1), each = 4 * blocks + rest;
    const product = channels / s.groups * (loads * load4Ns + kernels * 9 * uniform4Ns + each * 144 * fmaNs);
    return sum + product * (each * 16 > spill.sums ? spill.factor : 1) + each * 16 * storeNs;
  }, 0);
  return s.groups * tiles * perTile * Math.max(1, idle(tiles, profile));
}

/** Says how many times fewer threads work than could; a workgroup stays on one core. */
function idle(tiles: number, { threads, cores }: DeviceProfile): number {
  if (!cores) return threads / tiles;
  const all = cores.count * cores.lanes;
  return all / Math.min(tiles, tiles > GROUP ? all : cores.lanes);
}

type Direction = "forward" | "dgrad";

/** The sizes are those of a group. */
interface Convolution {
  readonly batch: number;
  readonly groups: number;
  readonly channels: number;
  readonly filters: number;
  readonly rows: number;
  readonly cols: number;
  readonly height: number;
  readonly width: number;
  readonly top: number;
  readonly left: number;
  readonly stride: number;
  /** This says which weight of a filter each of a channel's taps has. */
  readonly order: readonly number[];
  readonly perFilter: number;
  readonly perGroup: number;
}

/** The filters of a group from `first` on are `blocks` fours of them and then `rest`, which are fewer than four. */
interface Filters {
  readonly first: number;
  readonly blocks: number;
  readonly rest: number;
}

/** These are filters and channels [c, c + channels) of a group whose weights lie in one panel. */
interface Part extends Filters {
  readonly group: number;
  readonly c: number;
  readonly channels: number;
  /** The panel starts here in the packed weights. */
  readonly byteOffset: number;
}

function direct4x4Launch(s: Convolution, epilogue: Epilogue, names: { x: string; y: string }): Direct4x4Launch {
  const halo: Halo = {
    planes: s.batch * s.groups * s.channels,
    height: s.height,
    width: s.width,
    top: s.top,
    left: s.left,
    rows: s.stride * (s.rows - 1) + 3,
    cols: ceilDiv(s.cols + 3 - s.stride, 4) * 4,
    phases: s.stride,
  };
  const bare = isBare(halo);
  const x = bare ? names.x : "padded";
  const { parts, bytes, panel } = cut(s);
  return {
    prepare: parts.map((part) => packPanel(s, part)),
    steps: [
      ...(bare ? [] : [padStep(halo, names.x, x)]),
      ...parts.map((part) => productStep(s, halo, part, panel, epilogue, x, names.y)),
    ],
    // The last panel reaches beyond its weights: a uniform array has one size.
    scratch: { packed: bytes + panel * 16, ...(bare ? {} : { padded: haloBytes(halo) }) },
    tables: { order: inFours(s.order, 0) },
  };
}

/** Gives the parts, the bytes of their weights, and the smallest panel that holds each, in fours. */
function cut(s: Convolution): { parts: Part[]; bytes: number; panel: number } {
  const parts: Part[] = [];
  let byteOffset = 0;
  for (let group = 0; group < s.groups; group++) {
    for (const filters of filterBlocks(s.filters)) {
      const most = Math.floor(LARGEST / (TAPS * fours(filters)));
      for (let c = 0; c < s.channels; c += most) {
        const channels = Math.min(most, s.channels - c);
        parts.push({ ...filters, group, c, channels, byteOffset });
        byteOffset += ceilDiv(channels * TAPS * fours(filters) * 16, 256) * 256;
      }
    }
  }
  const largest = Math.max(...parts.map((part) => part.channels * TAPS * fours(part)));
  return { parts, bytes: byteOffset, panel: PANELS.find((fours) => fours >= largest)! };
}

/** Takes sixteen filters at a time, and then what is left. */
function filterBlocks(filters: number): Filters[] {
  return Array.from({ length: ceilDiv(filters, 16) }, (_, i) => {
    const count = Math.min(16, filters - 16 * i);
    return { first: 16 * i, blocks: Math.floor(count / 4), rest: count % 4 };
  });
}

/** Says how many fours of weights each tap has. */
function fours({ blocks, rest }: Filters): number {
  return blocks + Math.min(rest, 1);
}

function packPanel(s: Convolution, part: Part): Step {
  const { group, first, c, channels, byteOffset } = part;
  return weightPanelStep({
    taps: channels * TAPS,
    blocks: fours(part),
    filters: s.filters - first,
    perFilter: s.perFilter,
    start: group * s.perGroup + first * s.perFilter,
    firstTap: c * TAPS,
    byteOffset,
  });
}

/** One uniform panel holds these packed weights. */
interface WeightPanel {
  readonly taps: number;
  /** The panel has so many fours of filters; those from the `filters`-th on are zero. */
  readonly blocks: number;
  readonly filters: number;
  /** Two filters' weights lie so far apart. */
  readonly perFilter: number;
  /** The first filter starts here in the weights. */
  readonly start: number;
  /** The panel's taps start here in the table that says which weight each tap has. */
  readonly firstTap: number;
  /** The panel starts here among the packed weights. */
  readonly byteOffset: number;
}

/** Packs a panel as [taps, blocks] fours of filters; the bindings are "w", "order" and "packed". */
export function weightPanelStep(w: WeightPanel): Step {
  const uniforms = [w.taps, w.blocks, w.filters, w.perFilter, w.start, w.firstTap, w.byteOffset / 4];
  const grid = linearGrid(w.taps * w.blocks * 4, GROUP);
  return { plan: { program: PACK, uniforms, grid }, bindings: ["w", "order", "packed"] };
}

function productStep(
  s: Convolution,
  halo: Halo,
  part: Part,
  panel: number,
  epilogue: Epilogue,
  x: string,
  y: string,
): Step {
  const { group, first, c, channels, byteOffset } = part;
  const whole = c + channels === s.channels ? epilogue : {};
  const row = halo.cols / 4, phase = halo.rows * row, plane = s.stride * phase, pixels = s.rows * s.cols;
  const [tilesH, tilesV] = [ceilDiv(s.rows, 4), ceilDiv(s.cols, 4)];
  const tiles = s.batch * tilesH * tilesV;
  const grid = linearGrid(tiles, GROUP);
  const all = s.groups * s.filters, at = group * s.filters;
  const uniforms = [
    ...[channels, at + s.filters, at + first, s.rows, s.cols, (group * s.channels + c) * plane],
    ...[s.groups * s.channels * plane, plane, row, phase, all * pixels, pixels],
    ...[tilesH, tilesV, tiles, grid[0] * GROUP],
  ];
  const program = direct4x4Program({
    FB: part.blocks,
    REST: part.rest,
    STRIDE: s.stride,
    PANEL: panel,
    ADD: c > 0 ? 1 : 0,
    WIDE: s.cols % 4 === 0 ? 1 : 0,
  }, whole);
  const bias = whole.bias === "add" ? "bias" : x, residual = whole.residual === "add" ? "residual" : x;
  return {
    plan: { program, uniforms, grid },
    bindings: [x, "packed", bias, residual, y],
    windows: { 1: { byteOffset, byteLength: panel * 16 } },
  };
}

const PACK: Program = { name: "pack weight panels", source: pack, access: ["read", "read", "read_write"] };

function direct4x4Program(
  constants: Record<"FB" | "REST" | "STRIDE" | "PANEL" | "ADD" | "WIDE", number>,
  epilogue: Epilogue,
): Program {
  return {
    name: "direct 4x4 convolution",
    source,
    constants: { ...constants, ...epilogueConstants(epilogue) },
    access: ["read", "uniform", "read", "read", "read_write"],
  };
}

export function direct4x4Variants(): Program[] {
  const plain = { FB: 1, REST: 0, STRIDE: 1, PANEL: LARGEST, ADD: 0, WIDE: 1 };
  return [
    PACK,
    ...[1, 2, 3, 4].map((FB) => direct4x4Program({ ...plain, FB }, {})),
    ...PANELS.slice(0, -1).map((PANEL) => direct4x4Program({ ...plain, PANEL }, {})),
    ...[1, 2, 3].map((REST) => direct4x4Program({ ...plain, REST }, {})),
    direct4x4Program({ ...plain, FB: 0, REST: 1 }, {}),
    direct4x4Program({ ...plain, STRIDE: 2 }, {}),
    ...[0, 1].map((ADD) => direct4x4Program({ ...plain, ADD, WIDE: 0 }, {})),
    ...EPILOGUES.slice(1).map((epilogue) => direct4x4Program(plain, epilogue)),
  ];
}
