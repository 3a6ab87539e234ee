import { suite } from "uvu";
import * as assert from "uvu/assert";
import { callsOf, describeCall } from "../../bench/compiler/calls.ts";
import { PROFILES } from "../../kernels/device_profile.ts";
import type { Program } from "../../src/gpu/types.ts";
import { networkPlans, networkPlansText } from "./network_plans.ts";

const test = suite("plans of whole networks");
const FIXTURE = new URL("network_plans.txt", import.meta.url);

const plans = networkPlans();

/** These kernels have sums: others are as long as their outputs are many. */
const MULTIPLIES = /convolution|gemm|attention|matrix times vector/;

// Where planners or kernels were changed on purpose, `deno task plans` writes the file anew; its diff says what changed.
test("ways, launched waves and dispatches of known networks are those of the fixture, on each kind of device", () => {
  const expected = Deno.readTextFileSync(FIXTURE).split("\n\n");
  const found = networkPlansText(plans).split("\n\n");
  const changed = found.flatMap((paragraph, i) => paragraph === expected[i] ? [] : [`${expected[i]}\n→\n${paragraph}`]);
  assert.equal(changed, [], "write the fixture anew with `deno task plans`, and look at what changed");
  assert.is(found.length, expected.length);
});

// A dispatch takes a card some 4 µs: more than a small network's arithmetic. What was gained may not be written away.
test("a card runs networks and training steps in few dispatches, and none in a software adapter's way", () => {
  const most: Readonly<Record<string, number>> = {
    "ResNet-18, batch 1": 33,
    "MobileNetV2, batch 1": 60,
    "DeiT-T, batch 1": 115,
    "ResNet-20 training step, batch 32": 170,
    "ResNet-20 training step, batch 128": 170,
  };
  const card = plans.filter(({ profile }) => profile === "desktop");
  for (const { network, dispatches } of card) {
    assert.ok(dispatches <= (most[network] ?? Infinity), `${network}: ${dispatches} dispatches`);
  }
  assert.equal(Object.keys(most).filter((name) => !card.some(({ network }) => network === name)), []);
  assert.equal(card.filter(({ lines }) => lines.some((line) => line.includes("uniform panels"))), []);
});

/** These needn't share out their sums where there are few waves, with the reason. */
const EXCEPTIONS: readonly [layer: RegExp, reason: string][] = [
  [/\(depthwise /, "a sum of 9 or 49 terms is a thread's"],
  [/^\[10,64\] dgrad/, "a sum of 10 terms is a thread's"],
];
/** Workgroups of these kernels always share out their sums. */
const SHARING = /^(matrix times vector|gemm by slices)/;

test("a card's layers have 320 waves where each thread then has four outputs, and share out their sums where not", () => {
  const faults: string[] = [];
  const met = new Set<number>();
  let layers = 0, split = 0;
  for (const { network, calls } of plans.filter(({ profile }) => profile === "desktop")) {
    for (const call of calls) {
      const main = call.kernels.find(({ program }) => MULTIPLIES.test(program.name));
      if (!main) continue;
      layers++;
      const { outputs } = call.kernels.at(-1)!, line = `${network}: ${describeCall(call)}, ${outputs} outputs`;
      if (main.waves >= PROFILES.desktop.waves!) continue;
      if (outputs >= 4 * 64 * PROFILES.desktop.waves!) faults.push(`too few waves: ${line}`);
      split++;
      const shared = (main.program.constants!.SLICES ?? 1) > 1 || SHARING.test(main.program.name) ||
        call.kernels.some(({ program }) => program.name === "reduce partial sums");
      const exception = EXCEPTIONS.findIndex(([layer]) => layer.test(describeCall(call)));
      if (exception >= 0) met.add(exception);
      else if (!shared) faults.push(`an unshared sum: ${line}`);
    }
  }
  assert.equal(faults, []);
  assert.is(met.size, EXCEPTIONS.length, "an exception that no layer needs");
  assert.ok(layers > 100 && split > 20, `${layers} layers, ${split} of them with fewer waves`);
});

test("dispatches that share a label are one call, equal calls are counted, and waves are threads / 64", () => {
  const program = (name: string, group: string): Program => ({
    name,
    source: `const GROUP: u32 = 8u;\n@compute @workgroup_size(${group})\nfn main() {}`,
    access: [],
  });
  const [pad, sum] = [program("pad", "64"), program("sum", "8, GROUP")];
  const plan = (program: Program, groups: number) => ({ program, uniforms: [], grid: [groups, 3, 1] as const });
  const dispatches = [
    { plan: plan(pad, 2), label: "conv1 [8,3,3,3]" },
    { plan: plan(sum, 1), label: "conv1 [8,3,3,3]", way: "split" },
    { plan: plan(sum, 1), label: "conv1 [8,3,3,3]", way: "split" },
    { plan: plan(pad, 2), label: "[8,3]" },
    { plan: plan(pad, 2), label: "conv2 [8,3,3,3]" },
    { plan: plan(sum, 1), label: "conv2 [8,3,3,3]", way: "split" },
    { plan: plan(sum, 1), label: "conv2 [8,3,3,3]", way: "split" },
  ].map((dispatch) => ({ ...dispatch, outputs: 0 }));
  const calls = callsOf(dispatches);
  assert.equal(calls.map(({ times }) => times), [2, 1]);
  assert.equal(calls.map((call) => describeCall(call)), ["[8,3,3,3] (split): pad 6, sum 2×3", "[8,3]: pad 6"]);
});

test("a workgroup of half a wave counts as its threads", () => {
  const half: Program = { name: "half", source: "@compute @workgroup_size(32)\nfn main() {}", access: [] };
  const dispatches = [{ plan: { program: half, uniforms: [], grid: [5, 1, 1] as const }, label: "", outputs: 0 }];
  assert.is(callsOf(dispatches)[0].kernels[0].waves, 3);
});

test.run();
