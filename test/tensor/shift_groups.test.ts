/** Members that number their groups from another start than their constraint: parts of its vectors, and beyond them. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { addGroups, takeGroups } from "../../src/tensor/project.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { testGpu } from "../gpu.ts";

const test = suite("parts of group vectors");

/** [groups of the constraint, groups of the member, offset] */
const CASES = [[1, 1, 0], [5, 3, 2], [5, 3, -1], [5, 3, 4], [3, 7, -2], [64, 65, -1], [130, 63, 67], [4, 2, 9], [
  4,
  2,
  -9,
]];

for (const [groups, own, offset] of CASES) {
  test(`${own} groups from ${offset} of ${groups}`, async () => {
    const gpu = await testGpu();
    const whole = Float32Array.from({ length: groups }, (_, g) => 100 + g);
    const part = Float32Array.from({ length: own }, (_, i) => i + 1);
    using scores = Tensor.from(gpu, whole, [groups]);
    using energies = Tensor.from(gpu, part, [own]);
    using kept = Tensor.from(gpu, whole, [groups]);
    using view = Tensor.from(gpu, new Float32Array(own).fill(NaN), [own]);
    addGroups(gpu, energies, { offset }, scores);
    takeGroups(gpu, kept, { offset }, view);
    assert.equal([...await scores.read()], [...whole].map((old, g) => old + (part[g - offset] ?? 0)));
    assert.equal([...await view.read()], [...part].map((_, i) => whole[i + offset] ?? 1));
  });
}

/** [groups of the constraint, which of them each of the member's is, −1 for none] */
const MAPS: [number, number[]][] = [
  [3, [2, 0, 1]],
  [2, [0, 0, -1, 1, -1, 1, 1]],
  [4, [-1, -1]],
  [5, [3]],
  [70, Array.from({ length: 130 }, (_, i) => (i * 37) % 73).map((group) => group < 70 ? group : -1)],
];

for (const [groups, map] of MAPS) {
  test(`${map.length} groups that are some of ${groups} in no order`, async () => {
    const gpu = await testGpu();
    const whole = Float32Array.from({ length: groups }, (_, g) => 100 + g);
    const part = Float32Array.from(map, (_, i) => i + 1);
    using scores = Tensor.from(gpu, whole, [groups]);
    using energies = Tensor.from(gpu, part, [map.length]);
    using kept = Tensor.from(gpu, whole, [groups]);
    using view = Tensor.from(gpu, new Float32Array(map.length).fill(NaN), [map.length]);
    addGroups(gpu, energies, { map }, scores);
    takeGroups(gpu, kept, { map }, view);
    const sum = (group: number) => map.reduce((total, to, i) => to === group ? total + i + 1 : total, 0);
    assert.equal([...await scores.read()], [...whole].map((old, g) => old + sum(g)));
    assert.equal([...await view.read()], map.map((group) => group < 0 ? 1 : 100 + group));
  });
}

test.run();
