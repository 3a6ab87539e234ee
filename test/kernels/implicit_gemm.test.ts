import { suite } from "uvu";
import * as assert from "uvu/assert";
import { convDgradCandidates } from "../../kernels/conv/dgrad.ts";
import { convForwardCandidates } from "../../kernels/conv/forward.ts";
import { convWgradCandidates } from "../../kernels/conv/wgrad.ts";
import { waitsOf } from "../../kernels/conv/gpu_costs.ts";
import { bytesOf, foursOfTile, lanesOfTile, PART_TILES, WAVE_TILES } from "../../kernels/conv/implicit_tiles.ts";
import { convOutput, type ConvShape, convTaps, squareConv } from "../../kernels/conv/shape.ts";
import { type DeviceProfile, PROFILES } from "../../kernels/device_profile.ts";
import { type Epilogue, EPILOGUES } from "../../kernels/launch.ts";
import { type Candidate, choose } from "../../kernels/tuning.ts";

import { wgradStores } from "./implicit_stores.ts";
import { coversOnce } from "./launches.ts";

const test = suite("plan implicit GEMM");
const { software, desktop, integrated, "mobile-tiler": mobile } = PROFILES;
const GPUS = [desktop, integrated, mobile];
const LAYER = squareConv({ batch: 1, channels: 64, height: 56, width: 56, filters: 64 });

/** Layers as pruned networks have them: odd widths, few channels, strides, groups. */
const SHAPES: Record<string, ConvShape> = {
  "3×3": LAYER,
  "odd widths": squareConv({ batch: 8, channels: 37, height: 29, width: 13, filters: 53 }),
  "1×1": squareConv({ batch: 1, channels: 24, height: 56, width: 56, filters: 144, kernel: 1 }),
  "grouped": squareConv({ batch: 2, channels: 64, height: 28, width: 28, filters: 96, groups: 4 }),
  "strided": squareConv({ batch: 1, channels: 64, height: 56, width: 56, filters: 128, stride: 2 }),
  "dilated": squareConv({ batch: 1, channels: 64, height: 28, width: 28, filters: 64, dilation: 2 }),
  "stem": squareConv({ batch: 1, channels: 3, height: 224, width: 224, filters: 64, kernel: 7, stride: 2 }),
};

test("GPUs take tiles in workgroup memory for fused, odd, 1×1, grouped, strided and dilated layers", () => {
  for (const profile of GPUS) {
    for (const [name, s] of Object.entries(SHAPES)) {
      const ways = EPILOGUES.map((epilogue) => chosen(convForwardCandidates(s, epilogue, { profile }), profile));
      assert.match(ways[0].name, /^implicit gemm \d+x\d+( by \d+x\d+)?$/, `${name} on ${profile.name}`);
      for (const way of ways) {
        assert.is(way.name, ways[0].name, `${name} on ${profile.name}: an epilogue goes another way`);
      }
      const weights = chosen(convWgradCandidates(s, { profile }), profile);
      assert.match(weights.name, /^implicit gemm/, `weight gradient, ${name} on ${profile.name}`);
      if (name === "stem") continue;
      const gradient = chosen(convDgradCandidates(s, { profile }), profile);
      assert.match(gradient.name, /^implicit gemm/, `data gradient, ${name} on ${profile.name}`);
    }
  }
});

test("a software adapter has no such way, nor have depthwise layers and kept columns", () => {
  const has = (s: ConvShape, profile: DeviceProfile) =>
    [
      convForwardCandidates(s, {}, { profile }),
      convDgradCandidates(s, { profile }),
      convWgradCandidates(s, { profile }),
    ]
      .map((ways) => ways.some(isImplicit));
  assert.equal(has(LAYER, desktop), [true, true, true]);
  assert.equal(has(LAYER, software), [false, false, false]);
  assert.equal(has({ ...LAYER, groups: 64 }, desktop), [false, false, false]);
  assert.equal(has({ ...LAYER, taps: [0, 4, 5] }, desktop), [false, false, false]);
});

test("one dispatch without a copy does a layer that has enough outputs, with as many waves as the device wants", () => {
  // 56² outputs of 64 filters are 98 tiles of 32×64, of which eight slices of half a wave each make 392 waves.
  const way = chosen(convForwardCandidates(LAYER, EPILOGUES[3], { profile: desktop }), desktop);
  const { steps, prepare = [] } = way.build();
  assert.is(way.name, "implicit gemm 32x64 by 8x8");
  assert.equal([steps.length, prepare.length], [1, 0]);
  assert.is(steps[0].plan.program.constants!.SLICES, 8);
  for (const s of Object.values(SHAPES)) {
    const [rows, cols] = convOutput(s);
    if (s.batch * s.filters * rows * cols < 256 * desktop.waves!) continue;
    const forward = chosen(convForwardCandidates(s, {}, { profile: desktop }), desktop);
    assert.ok(wavesOf(forward) >= desktop.waves!, `${forward.name} ${JSON.stringify(s)}: ${wavesOf(forward)}`);
  }
});

test("a data gradient of stride 2 is one dispatch of four phases, and its sum is split where it has few outputs", () => {
  const s = squareConv({ batch: 1, channels: 256, height: 14, width: 14, filters: 512, stride: 2 });
  const way = convDgradCandidates(s, { profile: desktop }).find(({ name }) => name === "implicit gemm 64x64")!;
  const { steps } = way.build();
  assert.equal(steps.map(({ plan }) => plan.program.name), ["implicit gemm convolution", "reduce partial sums"]);
  assert.is(steps[0].plan.grid[2] % 4, 0);
  assert.ok(wavesOf(way) >= desktop.waves!);
  assert.equal([steps[0].bindings.at(-1), steps[1].bindings.at(-1)], ["partial", "dx"]);
});

test("every weight is stored once, or once in each part of a split sum", () => {
  for (const s of [SHAPES["odd widths"], SHAPES.grouped, { ...SHAPES.stem, height: 30, width: 31 }]) {
    for (const waves of [1, 320]) {
      for (const way of convWgradCandidates(s, { profile: { ...desktop, waves } }).filter(isImplicit)) {
        const { steps, scratch } = way.build(), size = s.filters * convTaps(s);
        const parts = scratch.partial ? scratch.partial / size / 4 : 1;
        assert.is(coversOnce(size * parts, wgradStores(steps[0].plan)), true, way.name);
        assert.is(steps.length, parts > 1 ? 2 : 1);
      }
    }
  }
});

test("tiles stay within the workgroup memory and threads of every device", () => {
  const shapes = [...Object.values(SHAPES), squareConv({ batch: 1, channels: 512, height: 7, width: 7, filters: 512 })];
  for (const s of shapes) {
    for (const waves of [1, 40, 320, 5000]) {
      const profile = { ...desktop, waves };
      for (const way of [...convForwardCandidates(s, {}, { profile }), ...convDgradCandidates(s, { profile })]) {
        if (!isImplicit(way)) continue;
        const { LANES, TY, MB, NB, BK, SLICES, PAD } = way.build().steps[0].plan.program.constants!;
        const tile = [...WAVE_TILES, ...PART_TILES].find((one) =>
          lanesOfTile(one) === LANES && one.ty === TY && one.mb === MB && one.nb === NB
        )!;
        const name = `${way.name} of ${SLICES} slices`, [down, along] = foursOfTile(tile);
        assert.ok(SLICES * LANES <= 256 && SLICES * LANES % 64 === 0, name);
        assert.is(bytesOf(tile, SLICES), 16 * BK * ((down + along) * SLICES + PAD), name);
        assert.ok(bytesOf(tile, SLICES) <= 16_384, name);
      }
    }
  }
  // Eight lines of 2 × (16 + 16) fours and one more, of 16 bytes.
  assert.is(bytesOf(WAVE_TILES[1], 2), 8 * 65 * 16);
  assert.equal(foursOfTile(WAVE_TILES[3]), [8, 32]);
});

test("slices have room for two rows of each thread's sums while they add up, and threads for all that they load", () => {
  for (const tile of [...WAVE_TILES, ...PART_TILES]) {
    const [down, along] = foursOfTile(tile), lanes = lanesOfTile(tile), name = JSON.stringify(tile);
    assert.ok(tile.step * (down + along) >= 2 * lanes, name);
    assert.ok([1, 2, 4].includes(along * tile.step / lanes), name);
    assert.ok([0.5, 1, 2, 4].includes(down * tile.step / lanes), name);
  }
});

test("the estimate counts steps of eight channels, their loads, multiply-adds and what adding up takes", () => {
  const s = squareConv({ batch: 1, channels: 16, height: 8, width: 8, filters: 32 });
  const cost = (waves: number) => {
    const profile = { ...desktop, waves };
    return convForwardCandidates(s, {}, { profile }).find(({ name }) => name === "implicit gemm 32x32")!.cost;
  };
  // Two tiles of 64 threads make 18 steps: a turn of 25 ns, two passes that load (24) and write (2) a vec4, eight times two reads
  // (2) and 16 multiply-adds (0.3); 16 stores of 12 ns.
  const work = 2 * 64 * (18 * (25 + 2 * 26 + 8 * (4 + 4.8)) + 16 * 12);
  near(cost(2), work);
  // With twice the waves, two slices make nine steps each of the same sum: no thread is idle. Each slice writes four vec4
  // of sums a thread, and reads its share of all.
  const adding = (slices: number) => 2 * 64 * slices * 8 * 2;
  near(cost(4), work + adding(2));
  // Half of eight waves are idle, and each thread of all of them could have four of the 2048 outputs, so that this counts twice;
  // adding up in a dispatch of its own would take 64 · 2400 ns for each wave.
  near(cost(8), (work + adding(2)) * 2 * 2);
  near(cost(16), (work + adding(2)) * 4);
});

test("fewer waves than a GPU wants count twice where each thread of them could have four outputs", () => {
  const card = { ...desktop, waves: 2 };
  assert.is(waitsOf(127, 512, card), 2);
  assert.is(waitsOf(128, 512, card), 1);
  assert.is(waitsOf(127, 511, card), 1);
  assert.is(waitsOf(1, 1 << 20, software), 1);
});

test("bits stand for up to 32 taps, and few channels are summed together with their taps", () => {
  const constants = (change: Partial<ConvShape>, epilogue: Epilogue = {}) => {
    const ways = convForwardCandidates({ ...LAYER, ...change }, epilogue, { profile: desktop });
    return ways.find(isImplicit)!.build().steps[0].plan.program.constants!;
  };
  const { BORDER, FLAT, TAIL, LINEAR, WIDE } = constants({});
  assert.equal({ BORDER, FLAT, TAIL, LINEAR, WIDE }, { BORDER: 2, FLAT: 0, TAIL: 0, LINEAR: 1, WIDE: 1 });
  assert.is(constants({ kernel: [7, 7], pads: [3, 3, 3, 3] }).BORDER, 1);
  assert.is(constants({ pads: [0, 0, 0, 0] }).BORDER, 0);
  assert.is(constants({ pads: [0, 0, 0, 0] }).LINEAR, 0);
  assert.is(constants({ channels: 20 }).FLAT, 1);
  assert.is(constants({ channels: 21 }).FLAT, 0);
  assert.is(constants({ channels: 21 }).TAIL, 1);
});

function isImplicit({ name }: Candidate): boolean {
  return name.startsWith("implicit gemm");
}

function chosen(candidates: readonly Candidate[], profile: DeviceProfile): Candidate {
  return choose("", candidates, { profile });
}

/** Waves of 64 threads of the first dispatch. */
function wavesOf(way: Candidate): number {
  const { grid: [x, y, z], program } = way.build().steps[0].plan;
  return x * y * z * (program.constants!.SLICES ?? 1);
}

function near(found: number, expected: number): void {
  assert.ok(Math.abs(found - expected) <= 1e-9 * expected, `${found}, expected ${expected}`);
}

test.run();
