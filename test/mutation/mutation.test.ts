/** Which mutants the rules make of a source, which of them are drawn, and which tests get a chance at them. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { draw } from "./draw.ts";
import { applied, type Mutant, mutantsOf } from "./mutants.ts";
import { nearestTests } from "./nearest_tests.ts";
import { trial } from "./trial.ts";

const test = suite("mutants");

function mutated(source: string): Record<string, string[]> {
  const byRule = Map.groupBy(mutantsOf(source), ({ rule }) => rule);
  return Object.fromEntries([...byRule].map(([rule, list]) => [rule, list.map((mutant) => applied(source, mutant))]));
}

test("comparisons lose or gain their equality, and equalities turn round", () => {
  assert.equal(mutated("if (a < b && c >= d || e === f) g();"), {
    comparison: [
      "if (a <= b && c >= d || e === f) g();",
      "if (a < b && c > d || e === f) g();",
      "if (a < b && c >= d || e !== f) g();",
    ],
  });
});

test("brackets of types, arrows, comments, strings and regular expressions are left alone", () => {
  assert.equal(mutated("if (/^a{3} [1-9]$/i.test(s)) f(s.replace(/\\/2/g, t));"), {});
  assert.equal(mutated('const f = (m: Map<string, Set<number>>): 0 | 1 => g("a < 2", `3 * 4`); // a < 5 * b'), {});
});

test("one more and one less are dropped, and not changed a second time as constants", () => {
  assert.equal(mutated("x = a + 1;"), { "off by one": ["x = a;"] });
  assert.equal(mutated("x = a - 1.5;"), { "changed constant": ["x = a - 0.75;"] });
});

test("a loop that counts upwards loses its last turn; other conditions of loops are comparisons", () => {
  assert.equal(mutated("for (let i = a; i < f(n) / m; i++) {"), {
    "dropped factor": ["for (let i = a; i < f(n); i++) {"],
    "off by one": ["for (let i = a; i < f(n) / m - 1; i++) {"],
  });
  assert.equal(mutated("for (let i = a; i < b && c; i++) {"), { comparison: ["for (let i = a; i <= b && c; i++) {"] });
  assert.equal(mutated("for (; a < b;) {"), { comparison: ["for (; a <= b;) {"] });
  assert.equal(mutated("for (let i = a; i < b; i += c) {").comparison, ["for (let i = a; i <= b; i += c) {"]);
});

test("factors, divisors and what is added up are dropped with all that is called on them", () => {
  assert.equal(mutated("x = a * f(b, c[i]).d! / (e + g) + h;"), {
    "dropped factor": ["x = a / (e + g) + h;", "x = a * f(b, c[i]).d! + h;"],
  });
  assert.equal(mutated("left -= energy[i];"), { "dropped factor": ["left -= 0;"] });
  assert.equal(mutated("scale *= share;"), { "dropped factor": ["scale *= 1;"] });
});

test("sorts are reversed", () => {
  assert.equal(mutated("list.sort((a, b) => a.gain - b.gain || a.i - b.i);"), {
    "reversed sort": ["list.sort((b, a) => a.gain - b.gain || a.i - b.i);"],
  });
});

test("constants change: whole numbers by one, others by half", () => {
  assert.equal(mutated("f(0.97, 1_000, x2);"), { "changed constant": ["f(0.485, 1_000, x2);", "f(0.97, 1001, x2);"] });
});

test("mutants tell their line", () => {
  assert.equal(mutantsOf("\n\na < b;").map(({ line, before, after }) => [line, before, after]), [[3, "<", "<="]]);
});

test("a draw takes each rule in turn, differs by seed and is the same for the same seed", () => {
  const mutant = (rule: Mutant["rule"], at: number): Mutant => ({ rule, at, line: 1, before: "", after: "" });
  const all = Array.from({ length: 30 }, (_, i) => mutant(i % 3 === 0 ? "comparison" : "changed constant", i));
  const drawn = draw(all, { count: 10, seed: 1 });
  assert.is(drawn.filter(({ rule }) => rule === "comparison").length, 5);
  assert.is(new Set(drawn).size, 10);
  assert.equal(draw(all, { count: 10, seed: 1 }), drawn);
  assert.not.equal(draw(all, { count: 10, seed: 2 }), drawn);
  // Where a rule has no mutant left, the others make up the number.
  assert.is(draw(all, { count: 25, seed: 1 }).length, 25);
  assert.is(draw(all, { count: 100, seed: 1 }).length, 30);
});

test("tests named after the file come first, then by the imports between; those far away never come", () => {
  const graph = new Map([
    ["src/r/f/a.ts", []],
    ["src/r/f/b.ts", ["src/r/f/a.ts"]],
    ["src/r/f/c.ts", ["src/r/f/b.ts"]],
    ["src/r/f/d.ts", ["src/r/f/c.ts"]],
    ["src/r/f/e.ts", ["src/r/f/d.ts"]],
    ["test/r/far.test.ts", ["src/r/f/c.ts"]],
    ["test/r/near.test.ts", ["src/r/f/b.ts"]],
    ["test/r/device.test.ts", ["src/r/f/a.ts", "test/check.ts"]],
    ["test/check.ts", ["test/gpu.ts"]],
    ["test/r/direct.test.ts", ["src/r/f/a.ts", "src/r/f/b.ts"]],
    ["test/r/f_rules.test.ts", ["src/r/f/d.ts"]],
    ["test/r/a-twice.test.ts", ["src/r/f/e.ts"]],
    ["test/r/about.test.ts", ["src/r/f/e.ts"]],
    ["test/other/a.test.ts", ["src/r/f/a.ts"]],
    ["test/r/unrelated.test.ts", ["test/gpu.ts"]],
    ["test/r/beyond.test.ts", ["src/r/f/e.ts"]],
    ["test/browser/page.test.ts", ["src/r/f/a.ts"]],
    ["test/cli/whole.test.ts", ["src/r/f/a.ts"]],
  ]);
  assert.equal(
    nearestTests(graph, "src/r/f/a.ts"),
    ["r/a-twice", "r/f_rules", "r/direct", "r/near", "other/a", "r/device", "r/far"].map((name) =>
      `test/${name}.test.ts`
    ),
  );
});

test("a trial ends with the first file that fails, ends its process or hangs", async () => {
  const directory = await Deno.makeTempDir();
  const file = async (name: string, body: string) => {
    const source = `import { suite } from "uvu"; const test = suite("s"); test("t", () => { ${body} }); test.run();`;
    await Deno.writeTextFile(`${directory}/${name}.test.ts`, source);
    return `file://${directory}/${name}.test.ts`;
  };
  try {
    const good = await file("good", "");
    const last = await file("last", "");
    const root = `${import.meta.dirname}/../..`;
    const waits = "return new Promise(() => {});";
    for (const body of [`throw new Error("wrong");`, "Deno.exit(3);", "for (;;);", waits]) {
      const bad = await file(`bad ${body.length}`, body);
      const limitMs = (path: string) => path === bad && body === waits ? 200 : 120_000;
      const tried = await trial({ root, files: [good, bad, last], limitMs, cpuSeconds: 3 });
      assert.equal(tried.map(({ file, passed }) => [file, passed]), [[good, true], [bad, false]]);
      assert.ok(tried[0].cpuMs >= 0 && tried[0].cpuMs < 3000, `${tried[0].cpuMs} ms`);
    }
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

test.run();
