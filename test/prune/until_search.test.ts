/** Which networks are tried until a floor is met, against sequences worked out by hand. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { nextUntil, protectedPart, startUntil, type UntilSearch } from "../../src/prune/methods/until_search.ts";

const test = suite("until search");

/** Every ratio that is asked for where the floor holds from `smallest` on, and the last one that held. */
function tried(smallest: number, step: number, bisections: number, from = 1): { asked: number[]; kept: number } {
  const steps = { step, bisections };
  const asked: number[] = [];
  let kept = from;
  let search: UntilSearch | undefined = startUntil(from, steps);
  while (search) {
    asked.push(Number(search.asked.toFixed(6)));
    const outcome = search.asked >= smallest ? "held" : "failed";
    if (outcome === "held") kept = search.asked;
    search = nextUntil(search, outcome, steps);
  }
  return { asked, kept };
}

test("halves, then geometric means between the last that held and the first that didn't", () => {
  // 1/2 and 1/4 hold, 1/8 doesn't; √(1/4 · 1/8) = 0.176777 holds; √(0.176777 · 1/8) = 0.148651 doesn't.
  assert.equal(tried(0.16, 0.5, 2), { asked: [0.5, 0.25, 0.125, 0.176777, 0.148651], kept: Math.sqrt(1 / 32) });
});

test("where nothing holds, the ratios tried approach what it began with", () => {
  assert.equal(tried(1, 0.25, 2), { asked: [0.25, 0.5, 0.707107], kept: 1 });
  assert.equal(tried(1, 0.25, 0), { asked: [0.25], kept: 1 });
});

test("it begins with what the network has", () => {
  assert.equal(tried(0.2, 0.5, 1, 0.5).asked, [0.25, 0.125, 0.176777]);
});

test("with b bisections the smallest is missed by less than step^(1/2^b)", () => {
  for (let i = 1; i < 40; i++) {
    const smallest = 0.9 ** i;
    const { kept } = tried(smallest, 0.7, 3);
    assert.ok(kept >= smallest && smallest / kept > 0.7 ** (1 / 8) - 1e-12, `${smallest}: ${kept}`);
  }
});

test("a ratio that failed is tried once more where all that is nearer held, and the steps go on where it holds then", () => {
  const steps = { step: 0.5, bisections: 1 };
  const sequence = (outcomes: readonly ("held" | "failed")[]) => {
    let search: UntilSearch | undefined = startUntil(1, steps);
    return outcomes.map((outcome) => {
      const asked = search!.asked;
      search = nextUntil(search!, outcome, steps);
      return Number(asked.toFixed(6));
    }).concat(search ? [Number(search.asked.toFixed(6))] : []);
  };
  // √(1/2 · 1/4) holds, so 1/4 is tried again: it holds, 1/8 comes next, and fails; √(1/4 · 1/8) holds, 1/8 fails again.
  assert.equal(
    sequence(["held", "failed", "held", "held", "failed", "held", "failed"]),
    [0.5, 0.25, 0.353553, 0.25, 0.125, 0.176777, 0.125],
  );
  assert.equal(sequence(["held", "failed", "failed"]), [0.5, 0.25, 0.353553]);
});

test("a layer keeps half of its groups in one try, or two steps' part of them where steps are large", () => {
  assert.ok(Math.abs(protectedPart({ step: 0.6 }) - 0.36) < 1e-12);
  assert.is(protectedPart({ step: 0.9 }), 0.5);
});

test.run();
