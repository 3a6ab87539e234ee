/** `secateur kernel` before a device that isn't there. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { AskKernelOptions, KernelAnswer } from "../../src/measure/ask_kernel.ts";
import { type Session, session } from "./fake.ts";

const test = suite("secateur kernel");

const dispatch = {
  when: "each call",
  kernel: "gemm of panels",
  constants: {},
  workgroups: [4, 1, 1],
  workgroupSize: [64, 1, 1],
  threads: 256,
  bindings: [{ name: "a", access: "read" }, { name: "y", access: "read_write" }],
  wgsl: "fn main() {}\n",
} as const;

const ANSWER: KernelAnswer = {
  adapter: "Test GPU",
  profile: "desktop",
  asked: "gemm nt 4×5×6",
  shapeClass: "gemm nt 4x6x6",
  macs: 120,
  bytes: 296,
  variants: [
    { name: "panels", estimate: 1, dispatches: 3, ms: 0.5 },
    { name: "tiles", estimate: 2.5, dispatches: 1, refused: "it counts wrong" },
  ],
  chosen: { name: "panels", because: "estimated fastest" },
  plan: {
    dispatches: [{ ...dispatch, when: "once", kernel: "pack" }, dispatch, dispatch],
    scratch: { panelsA: 4096 },
  },
};

interface Asked extends Session {
  readonly asked: readonly Pick<AskKernelOptions, "question" | "variant" | "profile" | "time">[];
}

function answered(): Asked {
  const asked: AskKernelOptions[] = [];
  const cli = session({
    askKernel: (options) => {
      asked.push(options as AskKernelOptions);
      return Promise.resolve(ANSWER);
    },
  });
  return { ...cli, asked };
}

test("a convolution's shape, its defaults and a question about a pass", async () => {
  const cli = answered();
  assert.is(await cli.run("kernel", "conv", "--shape", "8,64,56,28", "--kernel", "5", "--pass", "wgrad", "--time"), 0);
  const [{ question, time }] = cli.asked;
  assert.is(time, "each");
  assert.equal(question, {
    kernel: "conv",
    pass: "wgrad",
    shape: {
      batch: 8,
      channels: 64,
      height: 56,
      width: 28,
      filters: 64,
      kernel: [5, 5],
      stride: [1, 1],
      pads: [2, 2, 2, 2],
      dilation: [1, 1],
      groups: 1,
    },
  });
});

test("dispatches that are alike share a row, and the WGSL comes where it is asked for", async () => {
  const cli = answered();
  assert.is(await cli.run("kernel", "gemm", "--shape", "4,5,6", "--form", "nt", "--show"), 0);
  const [text] = cli.out;
  assert.match(text, "gemm nt 4×5×6 on Test GPU, profile desktop");
  assert.match(text, /panels +1\.00× +0\.500 +3 +←/);
  assert.match(text, /tiles +2\.50× +– +1 +refused: it counts wrong/);
  assert.match(text, /1 +pack +once/);
  assert.match(text, /2-3 +gemm of panels +each call +a → y +4×1×1 +64 +256/);
  assert.match(text, "scratch: panelsA 4.10 kB");
  assert.is(text.split("fn main() {}").length, 2, "one shader, printed once");
});

test("JSON has all of it", async () => {
  const cli = answered();
  assert.is(await cli.run("kernel", "gemm", "--shape", "4,5,6", "--json"), 0);
  assert.equal(JSON.parse(cli.out[0]), ANSWER);
});

test("what doesn't fit is refused in a line, before a device is opened", async () => {
  for (
    const [args, said] of [
      [["conv", "--shape", "1,2,3"], "--shape: found 1,2,3, expected 4 numbers: batch,channels,height,width"],
      [["gemm", "--shape", "3,4"], "--shape: found 3,4, expected 3 numbers: m,n,k"],
      [["gemm", "--shape", "3,4,0"], "argument '3,4,0' is invalid. Expected whole numbers above 0"],
      [["gemm", "--shape", "3,4,5", "--pass", "dgrad"], "--pass is of conv: leave it out for gemm"],
      [["conv", "--shape", "1,2,3,4", "--form", "nn"], "--form is of gemm: leave it out for conv"],
      [["conv", "--shape", "1,2,3,4", "--pass", "back"], "Allowed choices are forward, dgrad, wgrad"],
      [["pool", "--shape", "1"], "Expected conv or gemm"],
      [["conv"], "required option '--shape <n,...>' not specified"],
    ] as const
  ) {
    const cli = session();
    assert.is(await cli.run("kernel", ...args), 2, args.join(" "));
    assert.is(cli.err.length, 1);
    assert.ok(cli.err[0].includes(said), cli.err[0]);
  }
});

test.run();
