/** The rooms of the house and who may look into whom; see docs/engine.md. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { OPS } from "../src/graph/ops/ops.ts";
import { functionsOf } from "./functions.ts";
import { codeOnly, type Import, importsOf, withoutComments } from "./imports.ts";

const test = suite("architecture");
const root = `${import.meta.dirname}/..`;

/** Floors from the ground up. A room may import rooms of lower floors, and its neighbours unless that makes a ring. */
const FLOORS: readonly (readonly string[])[] = [
  ["errors", "disposable", "ui", "validation", "visible"],
  ["kernels", "gpu", "store"],
  ["tensor"],
  ["graph"],
  ["models", "formats", "data"],
  ["train", "measure"],
  ["prune", "depth", "doctor"],
  ["recipe", "report", "one_line"],
  ["stages"],
  ["run"],
  ["sweep"],
  ["entries"],
  ["mod"],
  ["cli", "web"],
];
const DENO_MAY_APPEAR =
  /^src\/(cli\/|store\/deno[^/]*\.ts$|data\/[^/]*deno[^/]*\.ts$|data\/.*\/[^/]*deno[^/]*\.ts$|sweep\/deno\/)/;

const MOST_LINES = 80;

const files = new Map<string, string>();
for (const directory of ["src", "kernels"]) read(directory);
const imports = new Map<string, Import[]>([...files].map(([path, text]) => [path, importsOf(text)]));
/** Relative imports as paths from the root; packages are left out. */
const edges = [...imports].flatMap(([from, list]) =>
  list.filter(({ specifier }) => specifier.startsWith(".")).map(({ specifier, typeOnly }) => ({
    from,
    to: new URL(specifier, `file:///${from}`).pathname.slice(1),
    typeOnly,
  }))
);

function read(directory: string): void {
  for (const entry of Deno.readDirSync(`${root}/${directory}`)) {
    const path = `${directory}/${entry.name}`;
    if (entry.isDirectory && entry.name !== "node_modules") read(path);
    if (entry.isFile && isCode(entry.name)) files.set(path, Deno.readTextFileSync(`${root}/${path}`));
  }
}

function isCode(path: string): boolean {
  return path.endsWith(".ts") || path.endsWith(".tsx");
}

function room(path: string): string {
  const [top, second] = path.split("/");
  return top === "src" ? second.replace(/\.ts$/, "") : top;
}

function floor(path: string): number {
  return FLOORS.findIndex((rooms) => rooms.includes(room(path)));
}

test("every file lives in a room", () => {
  assert.ok(files.size > 10, "found hardly any source file");
  assert.equal([...files.keys()].filter((path) => floor(path) < 0), []);
});

test("imports point downward", () => {
  const upward = edges.filter(({ from, to }) => isCode(to) && floor(to) > floor(from));
  assert.equal(upward.map(({ from, to }) => `${from} -> ${to}`), []);
});

test("relative imports stay inside src and kernels", () => {
  const outside = edges.filter(({ to }) => !to.startsWith("src/") && !to.startsWith("kernels/"));
  assert.equal(outside.map(({ from, to }) => `${from} -> ${to}`), []);
});

test("neighbouring rooms don't import each other in a ring", () => {
  const graph = new Map<string, Set<string>>();
  for (const { from, to } of edges) {
    if (room(from) === room(to) || !isCode(to)) continue;
    graph.set(room(from), (graph.get(room(from)) ?? new Set()).add(room(to)));
  }
  assert.is(ring(graph), undefined);
});

test("files don't import each other in a ring", () => {
  const graph = new Map<string, Set<string>>();
  for (const { from, to, typeOnly } of edges) {
    if (!typeOnly) graph.set(from, (graph.get(from) ?? new Set()).add(to));
  }
  assert.is(ring(graph), undefined);
});

test("kernels import only types from gpu, and nothing else from src but errors", () => {
  const wrong = edges.filter(({ from, to, typeOnly }) =>
    room(from) === "kernels" && to.startsWith("src/") && room(to) !== "errors" && !(room(to) === "gpu" && typeOnly)
  );
  assert.equal(wrong.map(({ from, to }) => `${from} -> ${to}`), []);
});

test("Deno's own API appears only where a browser never comes", () => {
  const wrong = [...files].filter(([path, text]) => !DENO_MAY_APPEAR.test(path) && /\bDeno\s*\./.test(codeOnly(text)));
  assert.equal(wrong.map(([path]) => path), []);
});

test("what a browser loads never imports what uses Deno's own API", () => {
  const wrong = edges.filter(({ from, to }) =>
    DENO_MAY_APPEAR.test(to) && !DENO_MAY_APPEAR.test(from) && !from.startsWith("src/cli/")
  );
  assert.equal(wrong.map(({ from, to }) => `${from} -> ${to}`), []);
});

test("shaders are .wgsl files", () => {
  const wrong = [...files].filter(([, text]) => withoutComments(text).includes("@workgroup_size"));
  assert.equal(wrong.map(([path]) => path), []);
});

test("pruning rewrites graphs and never touches a GPU buffer", () => {
  const wrong = [...files].filter(([path, text]) =>
    ["prune", "depth"].includes(room(path)) && /\bG[Pp][Uu]Buffer\b/.test(codeOnly(text))
  );
  assert.equal(wrong.map(([path]) => path), []);
});

/** What computes with numbers, groups and operators; of structures a recipe needs names, constraints and masks as wholes. */
const NOT_FOR_RECIPES =
  /^(kernels|src\/tensor|src\/prune\/(groups|rules)|src\/prune\/structures(?!\/(constraints|masks|structures|types)\.ts))\//;
/** Numbers that a loop could run over, but for files' bytes and a tensor's type. */
const ARITHMETIC = /\b(?:Float32|Float64|Uint16|Uint32|Int32)Array\b(?!<ArrayBuffer>)|\.data\[/;

/** Rooms that say what is done, and leave it to the rooms below them. */
const SAYING = ["recipe", "one_line", "stages", "run"];

/** A room whose files say what a run may be told; what is done about it lies elsewhere. */
const MOST_LINES_OF_RECIPES = 2000;

test("recipes stay a schema", () => {
  const lines = [...files].filter(([path]) => room(path) === "recipe").map(([, text]) => text.split("\n").length);
  assert.ok(lines.reduce((sum, count) => sum + count, 0) <= MOST_LINES_OF_RECIPES);
});

test("recipes, stages and runs say what is done: none of them computes with weights, scores or masks", () => {
  const inside = edges.filter(({ from, to, typeOnly }) =>
    SAYING.includes(room(from)) && NOT_FOR_RECIPES.test(to) && !typeOnly
  );
  assert.equal(inside.map(({ from, to }) => `${from} -> ${to}`), []);
  const computing = [...files].filter(([path, text]) => SAYING.includes(room(path)) && ARITHMETIC.test(codeOnly(text)));
  assert.equal(computing.map(([path]) => path), []);
  const texts = ["new Float32Array(3)", "w.data[i] = 0", "data as Float32Array<ArrayBuffer>"];
  assert.equal(texts.map((text) => ARITHMETIC.test(text)), [true, true, false]);
});

/** The tables of operators, and the files that translate between them and a file format's operators. */
const OPERATOR_TABLES = /^src\/(graph\/ops|prune\/rules)\//;
const MAY_NAME_OPERATORS = /^src\/(graph\/ops|prune\/rules|formats\/onnx)\//;
const OPERATOR = `"(?:${Object.keys(OPS).join("|")})"`;
/** What decides by an operator's name: comparisons, cases, lists to look it up in, and a switch over a node's operator. */
const DECIDES_BY_OPERATOR = new RegExp(
  `[!=]==\\s*${OPERATOR}|${OPERATOR}\\s*[!=]==|case\\s+${OPERATOR}|OpName\\[\\]\\s*=|switch\\s*\\((?:\\w+\\.)*op\\)`,
);

test("what an operator does stands in the operators' tables, not in an if or a switch elsewhere", () => {
  const wrong = [...files].filter(([path, text]) =>
    !MAY_NAME_OPERATORS.test(path) && DECIDES_BY_OPERATOR.test(withoutComments(text))
  );
  assert.equal(wrong.map(([path]) => path), []);
});

test("the operators' tables don't guess: none has a default case", () => {
  const wrong = [...files].filter(([path, text]) => OPERATOR_TABLES.test(path) && /\bdefault\s*:/.test(codeOnly(text)));
  assert.equal(wrong.map(([path]) => path), []);
});

test("a decision by an operator's name is found in each of its forms", () => {
  const decisions = [
    `if (node.op === "Relu") f();`,
    `const conv = "Conv" !== op;`,
    `switch (node.op) {}`,
    `switch (op) {}`,
    `case "MatMul": break;`,
    `const FREE: readonly OpName[] = [];`,
  ];
  assert.equal(decisions.filter((text) => !DECIDES_BY_OPERATOR.test(text)), []);
  const others = [`{ op: "Identity", inputs }`, `switch (node.kind) {}`, `kind === "sum"`];
  assert.equal(others.filter((text) => DECIDES_BY_OPERATOR.test(text)), []);
});

test("no function has more than 80 lines, but for the objects of methods that factories return", () => {
  const long = [...files].flatMap(([path, text]) =>
    functionsOf(text).filter(({ outside }) => outside > MOST_LINES)
      .map(({ head, line, lines }) => `${path}:${line} ${head} (${lines} lines)`)
  );
  assert.equal(long, []);
});

test("the lines of functions are counted: of declarations, arrows and methods, on one line or several", () => {
  const text = `export function one(
  a: number,
): void {
  if (a) {
    b();
  }
}

const two = (x: number) => {
  return x;
};

function three() {
  return {
    method(a) {
      return a;
    },
  };
}
`;
  assert.equal(
    functionsOf(text).map(({ head, line, lines, outside }) => [head, line, lines, outside]),
    [
      ["export function one(", 1, 7, 7],
      ["const two = (x: number) => {", 9, 3, 3],
      ["function three() {", 13, 7, 2],
      ["method(a) {", 15, 3, 3],
    ],
  );
});

test("no object is spread only to pack its entries into a line", () => {
  const wrong = [...files].filter(([, text]) => /\.\.\.\{/.test(codeOnly(text)));
  assert.equal(wrong.map(([path]) => path), []);
});

test("no word of our own stands where the field has one", () => {
  const words = /\b(atoms?|appetite|owed|anatomy|strays?|companions?|handProduct)\b/i;
  const found = [...files].flatMap(([path, text]) =>
    text.split("\n").flatMap((line, i) => words.test(line) ? [`${path}:${i + 1} ${line.trim()}`] : [])
  );
  assert.equal(found, []);
});

/** A ring in a directed graph, as "a -> b -> a", or undefined. */
function ring(graph: ReadonlyMap<string, ReadonlySet<string>>): string | undefined {
  const done = new Set<string>();
  const visit = (node: string, path: readonly string[]): string | undefined => {
    if (path.includes(node)) return [...path.slice(path.indexOf(node)), node].join(" -> ");
    if (done.has(node)) return undefined;
    for (const next of graph.get(node) ?? []) {
      const found = visit(next, [...path, node]);
      if (found) return found;
    }
    done.add(node);
    return undefined;
  };
  for (const node of graph.keys()) {
    const found = visit(node, []);
    if (found) return found;
  }
  return undefined;
}

test("a ring is found, and a diamond is none", () => {
  const graph = (text: Record<string, string[]>) => new Map(Object.entries(text).map(([k, v]) => [k, new Set(v)]));
  assert.is(ring(graph({ a: ["b"], b: ["c"], c: ["b"] })), "b -> c -> b");
  assert.is(ring(graph({ a: ["b", "c"], b: ["d"], c: ["d"] })), undefined);
});

test("imports are read as TypeScript means them", () => {
  const text = `import a, { type B } from "./a.ts"; // import no from "./no.ts"
    /* export * from "./no.ts"; */
    import type { C } from "./c.ts";
    import {
      type D,
      type E,
    } from "./d.ts";
    export * from "./e.ts";
    import "./f.ts";
    const g = await import("./g.ts");
    import wgsl from "./h.wgsl" with { type: "text" };
    const s = "x // y"; export type { I } from "./i.ts";`;
  assert.equal(importsOf(text), [
    { specifier: "./a.ts", typeOnly: false },
    { specifier: "./c.ts", typeOnly: true },
    { specifier: "./d.ts", typeOnly: true },
    { specifier: "./e.ts", typeOnly: false },
    { specifier: "./f.ts", typeOnly: false },
    { specifier: "./g.ts", typeOnly: false },
    { specifier: "./h.wgsl", typeOnly: false },
    { specifier: "./i.ts", typeOnly: true },
  ]);
  assert.is(codeOnly(`f("Deno.x", 'Deno.y', \`Deno.z\`); // Deno.w`).includes("Deno"), false);
});

test.run();
