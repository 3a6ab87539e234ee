/** Which elements of a tensor go with a group, for each way in which groups lie in it. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { axes, type GroupLayout } from "../../kernels/project/layout.ts";
import { masksOf } from "../../src/prune/structures/masks.ts";
import type { Constraint } from "../../src/prune/structures/types.ts";

const test = suite("masks of layouts");

/** The mask, a digit for each element. */
function mask(layout: Omit<GroupLayout, "groups">, groups: number, kept: readonly number[], offset = 0): string {
  const own = axes({ ...layout, groups }).kept.reduce((product, count) => product * count);
  const member = { param: "w", role: "weight", layout: { ...layout, groups: own }, places: { offset } } as const;
  const constraint = { name: "c", groups, members: [member], readers: [] } as unknown as Constraint;
  const size = layout.F * layout.C * layout.KK;
  const params = new Map([["w", { shape: [size], data: new Float32Array(size) }]]);
  return [...masksOf([{ constraint, kept }], params).get("w")!.data].join("");
}

test("a filter takes its row of the matrix, and several rows where a group has several", () => {
  const rows = { F: 4, C: 2, KK: 3, gf: 1, gc: 0, gk: 0 };
  assert.is(mask(rows, 4, [1, 3]), "000000" + "111111" + "000000" + "111111");
  assert.is(mask({ ...rows, bf: 2 }, 2, [1]), "000000000000" + "111111111111");
});

test("rows that belong to no group of the constraint stay", () => {
  const rows = { F: 4, C: 1, KK: 2, gf: 1, gc: 0, gk: 0 };
  assert.is(mask(rows, 2, [0], -1), "11" + "11" + "00" + "11");
  assert.is(mask(rows, 6, [0, 1, 3], 2), "00" + "11" + "00" + "00");
});

test("rows that follow the groups in no order go as their map says", () => {
  const layout = { F: 5, C: 2, KK: 1, gf: 1, gc: 0, gk: 0, groups: 5 };
  const member = { param: "w", role: "weight", layout, places: { map: [1, 0, -1, 1, 2] } } as const;
  const constraint = { name: "c", groups: 3, members: [member], readers: [] } as unknown as Constraint;
  const params = new Map([["w", { shape: [10], data: new Float32Array(10) }]]);
  const { data } = masksOf([{ constraint, kept: [0] }], params).get("w")!;
  assert.is([...data].join(""), "00" + "11" + "11" + "00" + "00");
});

test("a channel takes its part of each row, and several where a group has several", () => {
  const columns = { F: 2, C: 4, KK: 2, gf: 0, gc: 1, gk: 0 };
  assert.is(mask(columns, 4, [0, 3]), "11000011" + "11000011");
  assert.is(mask({ ...columns, bc: 2 }, 2, [1]), "00001111" + "00001111");
});

test("a kernel takes its taps of one filter and channel, a weight itself, a column its place in every filter", () => {
  const sizes = { F: 2, C: 2, KK: 3 };
  assert.is(mask({ ...sizes, gf: 2, gc: 1, gk: 0 }, 4, [1, 2]), "000111" + "111000");
  assert.is(mask({ ...sizes, gf: 6, gc: 3, gk: 1 }, 12, [0, 4, 5, 11]), "100011" + "000001");
  assert.is(mask({ ...sizes, gf: 0, gc: 3, gk: 1 }, 6, [0, 4, 5]), "100011" + "100011");
});

test("of a kernel under a pattern only the pattern's taps stay", () => {
  const layout = { F: 2, C: 1, KK: 3, gf: 1, gc: 0, gk: 0, groups: 2 };
  const constraint = {
    groups: 2,
    members: [{ param: "w", role: "weight", layout, places: { offset: 0 } }],
  } as unknown as Constraint;
  const params = new Map([["w", { shape: [2, 3], data: new Float32Array(6) }]]);
  const masked = (kept: number[]) =>
    [...masksOf([{ constraint, kept, taps: Uint16Array.of(0b110, 0b001) }], params).get("w")!.data].join("");
  assert.is(masked([0, 1]), "011" + "100");
  assert.is(masked([0]), "011" + "000");
});

test("of several constraints on a tensor an element must be kept by all", () => {
  const layouts = [{ F: 2, C: 2, KK: 1, gf: 1, gc: 0, gk: 0 }, { F: 2, C: 2, KK: 1, gf: 0, gc: 1, gk: 0 }];
  const choices = layouts.map((layout) => ({
    constraint: {
      groups: 2,
      members: [{ param: "w", role: "weight", layout: { ...layout, groups: 2 }, places: { offset: 0 } }],
    } as unknown as Constraint,
    kept: [1],
  }));
  const params = new Map([["w", { shape: [2, 2], data: new Float32Array(4) }]]);
  assert.equal([...masksOf(choices, params).get("w")!.data], [0, 0, 0, 1]);
});

test.run();
