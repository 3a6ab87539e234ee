/** A pack is whole or isn't there, refuses what it can't do in one line, and what it found stands beside the others. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { adapterSlug, importedName, type PackResults, parseResults } from "../../bench/pack/results.ts";
import { drawable, importRecords } from "../../bench/pack/import_results.ts";
import { byAdapter } from "../../bench/report/by_adapter.ts";
import { newest } from "../../bench/report/newest.ts";
import { type BenchRecord, renderResults } from "../../bench/report/page.ts";
import { completed } from "../../bench/rows.ts";
import type { Row } from "../../bench/suite.ts";

const test = suite("pack of benchmarks");
const bench = `${import.meta.dirname}/../../bench`;

const roofline = { gflops: 50, gbps: 10, forms: [] };
const row = (name: string, medianMs: number): Row => ({
  table: "GEMM, m×n×k",
  name,
  time: { medianMs, madMs: 0.1, samples: 5, clock: "gpu timestamps", quantumMs: 1e-6 },
  facts: {},
});
const record = (description: string, rows: readonly Row[]): BenchRecord => ({
  suite: "kernels",
  date: "2026-01-02T03:04:05.678Z",
  commit: "abc",
  adapter: { vendor: "", architecture: "", description, fallback: false },
  machine: { os: "linux", arch: "x86_64", cores: 2, load: 0.1 },
  versions: { deno: "2.9.6" },
  seed: 1,
  clock: "gpu timestamps",
  quantumMs: 1e-6,
  results: { title: "Kernels", notes: [], tuning: "default", roofline, rows: completed(rows, roofline) },
});
const HERE = record("llvmpipe (LLVM 15)", [row("512×512×512 nt", 5.5), row("64×500×800 nt", 1.63)]);
const THERE = record("NVIDIA H200 (driver 575)", [row("512×512×512 nt", 0.021), row("1024×1024×1024 nt", 0.1)]);
const RESULTS: PackResults = {
  kind: "secateur pack",
  version: 1,
  tool: "secateur 0.1.0",
  commit: "abc",
  date: THERE.date,
  complete: true,
  adapter: THERE.adapter,
  machine: THERE.machine,
  versions: THERE.versions,
  selfTest: {
    checks: [],
    path: { dynamicOffsets: true, workgroupMemory: true, f16: true, subgroups: true },
    trusted: true,
  },
  records: [THERE],
};

async function run(command: string, ...args: string[]) {
  const output = await new Deno.Command(command, { args, env: { NO_COLOR: "1" } }).output();
  const [out, err] = [output.stdout, output.stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code: output.code, out, err };
}

const task = (...args: string[]) => run(Deno.execPath(), "run", "-A", `${bench}/main.ts`, ...args);

test("a pack runs with nothing but its own files, and refuses what was cut off or asked wrongly", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const pack = `${folder}/pack`;
    const made = await task("--pack", pack);
    assert.is(made.code, 0, made.err);
    assert.equal([...Deno.readDirSync(folder)].map(({ name }) => name), ["pack"], "nothing else is left");
    assert.equal(
      [...Deno.readDirSync(pack)].map(({ name }) => name).sort(),
      ["README.txt", "SHA256SUMS", "bench.js", "run.sh"],
    );
    const again = await task("--pack", pack);
    assert.equal([again.code, again.err.trim()], [1, `bench: ${pack} isn't empty: name a new folder`]);

    const out = `${folder}/found.json`;
    const path = `${Deno.execPath().replace(/\/[^/]*$/, "")}:${Deno.env.get("PATH")}`;
    const there = (...args: string[]) => run("env", `PATH=${path}`, "sh", `${pack}/run.sh`, ...args);
    const ran = await there("--only=projection", "--case=nothing like this", "--out", out);
    assert.is(ran.code, 0, ran.err);
    assert.match(ran.out, /^adapter .+\nself-test repeat passed: /);
    const found = parseResults(await Deno.readTextFile(out));
    assert.equal([found.complete, found.records, found.selfTest.trusted], [false, [], true]);
    const wrong = await there("--only=rivals");
    assert.equal([wrong.code, wrong.out], [2, ""]);
    assert.match(wrong.err, /^bench: --only: found "rivals", expected of shaders, tests, kernels, [^\n]+\n$/);
    const unwritable = await there("--only=projection", "--out", `${folder}/none/found.json`);
    assert.is(unwritable.code, 1);
    assert.match(unwritable.err, /^bench: .+found\.json can't be written: [^\n]+; name another with --out\n$/);

    await Deno.truncate(`${pack}/bench.js`, 500_000);
    const cut = await there();
    assert.is(cut.code, 1);
    assert.match(cut.err, /^bench: this pack was cut off or changed: [^\n]+\n$/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

test("an import is refused in one line unless it is what a pack wrote", async () => {
  const refusal = (text: string) => {
    try {
      parseResults(text);
    } catch (error) {
      return (error as Error).message;
    }
    return "taken";
  };
  const whole = JSON.stringify(RESULTS);
  assert.is(refusal(whole), "taken");
  assert.match(refusal(whole.slice(0, 400)), /^is no JSON, or was cut off: copy it again/);
  assert.match(refusal("null"), /^isn't what a pack writes/);
  assert.match(refusal(JSON.stringify({ ...RESULTS, version: 2 })), /^has version 2, this Secateur reads 1/);
  for (const damaged of [{ ...THERE, suite: "../x" }, { ...THERE, date: "today" }, { ...THERE, results: {} }, null]) {
    assert.match(refusal(JSON.stringify({ ...RESULTS, records: [damaged] })), /^is damaged/);
  }
  for (const missing of [{ date: undefined }, { shaders: {} }, { tests: {} }]) {
    assert.match(refusal(JSON.stringify({ ...RESULTS, ...missing })), /^is damaged: its date, or what it found of /);
  }
  const { code, err, out } = await task("--import", "/none/such.json");
  const told = "bench: /none/such.json isn't there: give the path of the file that a pack wrote\n";
  assert.equal([code, out, err], [1, "", told]);
});

test("a record that the page can't draw is refused, before one is written", () => {
  assert.is(drawable(RESULTS), RESULTS);
  const { machine: { load: _, ...machine }, ...rest } = THERE;
  const unmeasured = { ...THERE.results, rows: [{ table: "t", name: "n", time: {} }] };
  for (const damaged of [{ ...rest, machine }, { ...THERE, results: unmeasured }]) {
    const results = JSON.parse(JSON.stringify({ ...RESULTS, records: [damaged] }));
    assert.throws(() => drawable(results), /^is damaged: its record of the suite kernels lacks what the page shows/);
  }
});

test("--pack and --import take nothing else", async () => {
  for (
    const [args, message] of [
      [["--with-deno"], /^bench: --with-deno: only together with --pack DIR\n/],
      [["--import", "x", "--rounds=3"], /^bench: --rounds: neither --pack nor --import takes it\n/],
    ] as const
  ) {
    const { code, err } = await task(...args);
    assert.is(code, 2);
    assert.match(err, message);
  }
});

test("imported records lie beside this machine's under their adapter's name, the same ones once", () => {
  assert.is(adapterSlug(THERE.adapter), "nvidia-h200");
  assert.is(importedName(THERE), "kernels@nvidia-h200-2026-01-02T03-04-05.678Z.json");
  const folder = Deno.makeTempDirSync();
  try {
    for (let i = 0; i < 2; i++) assert.equal(importRecords(RESULTS, folder), ["kernels"]);
    const [{ name }, ...more] = [...Deno.readDirSync(folder)];
    assert.equal(more, []);
    assert.equal(JSON.parse(Deno.readTextFileSync(`${folder}/${name}`)), JSON.parse(JSON.stringify(THERE)));
    const own = "kernels-2026-01-01T00-00-00.000Z.json", chromium = "kernels-chromium-2026-01-01T00-00-00.000Z.json";
    const older = "kernels@nvidia-h200-2025-01-02T03-04-05.678Z.json";
    assert.equal(newest([older, name, chromium, own], ["kernels"]), [own, chromium, name]);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

test("times of several adapters stand in one table, a column each", () => {
  assert.equal(byAdapter([HERE]), []);
  assert.equal(byAdapter([HERE, THERE]), [{
    title: "GEMM, m×n×k, ms",
    header: ["", "llvmpipe (LLVM 15)", "NVIDIA H200 (driver 575)"],
    lines: [
      ["512×512×512 nt", "5.50", "0.0210"],
      ["64×500×800 nt", "1.63", "–"],
      ["1024×1024×1024 nt", "–", "0.100"],
    ],
  }]);
  const page = renderResults([HERE, THERE]);
  assert.ok(page.lastIndexOf("GEMM, m×n×k, ms") > page.lastIndexOf("GEMM, m×n×k<"), "after both records");
  assert.match(page, "NVIDIA H200 (driver 575)");
});

test.run();
