import { suite } from "uvu";
import * as assert from "uvu/assert";
import { hotLoopOf } from "../../bench/compiler/assembly.ts";
import { mesaVersion } from "../../bench/compiler/compile.ts";
import { GPUS, wavesPerSimd } from "../../bench/compiler/gpus.ts";
import { compilerOptions } from "../../bench/compiler/options.ts";
import { callResults, kernelTable, summaryTable, workloadTable } from "../../bench/compiler/results.ts";
import { PROFILES } from "../../kernels/device_profile.ts";
import { workloads } from "../../bench/compiler/workloads.ts";
import { onlyNightly } from "../long.ts";

const test = suite("bench compiler");
const bench = `${import.meta.dirname}/../../bench`;

const ASSEMBLY = `BB0:
	s_load_dwordx4 s[0:3], s[0:1], 0x0 ; f4080000
BB1:
	v_add_u32 v0, v1, v2 ; 00000000
BB2:
	buffer_load_dwordx4 v[4:7], v0, s[0:3], 0 offen ; e0381000
	ds_read2_b32 v[8:9], v1 offset1:1 ; d8dc0100
	s_waitcnt vmcnt(0) ; bf8c3f70
	v_fmac_f32 v10, v4, v8 ; 56141104
	v_fma_f32 v11, v5, v9, v11 ; d54b000b
	(then repeated 6 times)
	v_add_u32 v0, 16, v0 ; 4a000090
	s_cmp_lt_u32 s4, s5 ; bf0a0504
	s_cbranch_scc1 BB2 ; bf85fff0
	v_mul_f32 v12, v10, v11 ; 10181714
	s_cbranch_scc1 BB1 ; bf85ffe0
	s_endpgm ; bf810000
`;

test("the hot loop is the innermost one, and its instructions are counted by what does them", () => {
  const { text, ...counts } = hotLoopOf(ASSEMBLY)!;
  assert.equal(counts, {
    // One fmac, and an fma that stands there seven times.
    multiplyAdds: 1 + 1 + 5 + 1,
    vector: 1,
    scalar: 2,
    memory: 1,
    scalarLoads: 0,
    workgroupMemory: 1,
    barriers: 0,
    bytes: 16 + 8,
  });
  assert.match(text, /^BB2:/);
  assert.match(text, /s_cbranch_scc1 BB2 ; \w+$/);
  assert.is(hotLoopOf("BB0:\n\tv_fma_f32 v0, v0, v0, v0\n\ts_endpgm"), undefined, "no loop");
});

test("registers and workgroup memory say how many waves a SIMD holds", () => {
  const needs = { vgprs: 72, lds: 0, threads: 64, wave: 64 };
  // RDNA 2: 512 registers for waves of 64 lanes, in eights: 512 / 72 = 7.1.
  assert.is(wavesPerSimd(GPUS.navi21, needs), 7);
  assert.is(wavesPerSimd(GPUS.navi21, { ...needs, vgprs: 73 }), 6, "80 are taken");
  assert.is(wavesPerSimd(GPUS.navi21, { ...needs, vgprs: 8 }), 16, "there are no more");
  // Two workgroups of 24 KiB fit into 64 KiB; each has four waves, and a unit two SIMDs.
  assert.is(wavesPerSimd(GPUS.navi21, { vgprs: 8, lds: 24 << 10, threads: 256, wave: 64 }), 4);
  assert.is(wavesPerSimd(GPUS.vega10, needs), 3, "GCN has 256 registers");
});

test("a network's kernels become a line each, its sums one line, and equal layers are one", () => {
  const program = { name: "product", source: "", access: [] };
  const hot = { ...hotLoopOf(ASSEMBLY)!, multiplyAdds: 9, vector: 1, bytes: 9 };
  const compiled = () => ({
    ...{ program, vgprs: 64, sgprs: 16, spilled: 3, scratch: 12, lds: 0, wave: 64, instructions: 99, hot },
  });
  const run = { program, threads: 64, dispatches: 1, waves: 100, outputs: 0 };
  const layer = { label: "[8,3,3,3]", way: "split", kernels: [run, run], times: 2 };
  const calls = callResults(GPUS.navi21, [layer, { ...layer, times: 1 }], compiled);
  assert.is(calls.length, 1);
  const results = { name: "net", dispatches: 6, copies: 1, calls };
  assert.equal(workloadTable(results).lines, [
    ["[8,3,3,3], split", "product", "3", "2", "100", "64", "3", "0", "8", "90 %", "1.00"],
  ]);
  assert.is(workloadTable(results).title, "net: 6 dispatches and 1 copies");
  assert.equal(summaryTable([results]).lines, [["net", "6", "1", "1", "3", "64", "3 of 3"]]);
  assert.equal(kernelTable([results]).lines, [["product", "100", "64", "3", "0", "8", "90 %", "1.00"]]);
});

test("Mesa's version is what the driver says, of whichever distribution", () => {
  assert.is(mesaVersion("Mesa 22.3.6"), "22.3.6");
  assert.is(mesaVersion("Mesa 25.0.7-2~bpo12+1"), "25.0.7-2~bpo12+1");
  assert.is(mesaVersion(""), "unknown");
});

test("the GPU decides for which kind of device is planned, unless --profile does", () => {
  assert.is(compilerOptions([]).profile, "desktop");
  assert.is(compilerOptions(["--gpu=vangogh"]).profile, "integrated");
  assert.is(compilerOptions(["--gpu=vangogh", "--profile=mobile-tiler"]).profile, "mobile-tiler");
});

test("wrong values, and a machine without the tools, end in one line with what there is, and exit code 2", async () => {
  const run = async (env: Record<string, string>, ...args: string[]) => {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--config", `${bench}/deno.json`, `${bench}/compiler/main.ts`, ...args],
      env,
    }).output();
    const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
    assert.is(code, 2, err);
    assert.is(out, "");
    assert.is(err.trim().split("\n").length, 1, err);
    return err;
  };
  const cases: [Record<string, string>, string[], RegExp][] = [
    [{}, ["--gpu=rtx4090"], /^bench: --gpu: found "rtx4090", expected one of navi21 \(RX 6800 to 6950 .*vangogh/],
    [{}, ["--profile=phone"], /^bench: --profile: found "phone", expected one of software, integrated, desktop/],
    [{}, ["--case=nothing"], /^bench: --case: no case contains "nothing": expected a part of "ResNet-18, batch 1"/],
    [
      {},
      ["--case=resnet-20, batch 1", "--show=magic"],
      /^bench: --show: no kernel's name contains "magic": expected a part of \w/,
    ],
    // Whichever is missed first: the driver or the C compiler.
    [{ PATH: "/nowhere" }, ["--case=resnet-20, batch 1"], /is missing; on Debian: apt-get install gcc libc6-dev/],
  ];
  const found = await Promise.all(cases.map(([env, args]) => run(env, ...args)));
  found.forEach((err, i) => assert.match(err, cases[i][2]));
});

test("every workload records dispatches for every kind of device", () => {
  for (const { name, kind, record } of workloads()) {
    if (kind !== "products" || !/dense|kernels|block-punched/.test(name)) continue;
    for (const profile of Object.values(PROFILES)) assert.ok(record(profile, []).dispatches.length > 0, name);
  }
});

onlyNightly(test)("the suite compiles ResNet-20's kernels for navi21 and prints a hot loop", async () => {
  const run = async (...args: string[]) => {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--config", `${bench}/deno.json`, `${bench}/compiler/main.ts`, ...args],
    }).output();
    assert.is(code, 0, new TextDecoder().decode(stderr));
    return new TextDecoder().decode(stdout);
  };
  assert.match(await run("--case=resnet-20, batch 1"), /ResNet-20, batch 1: \d+ dispatches/);
  assert.match(await run("--case=dense products", "--show=gemm by tiles"), /v_fma/);
});

test.run();
