import { Command, InvalidArgumentError, Option } from "commander";
import { squareConv } from "../../kernels/conv/shape.ts";
import { type ProfileName, PROFILES } from "../../kernels/device_profile.ts";
import { UsageError } from "../errors.ts";
import type { KernelAnswer, VariantAnswer } from "../measure/ask_kernel.ts";
import type { DispatchDescription } from "../measure/describe_launch.ts";
import type { ConvPass, GemmForm, KernelQuestion } from "../measure/kernel_question.ts";
import { bytes, count, milliseconds, short, times } from "../report/format.ts";
import type { Io } from "./io.ts";
import { wholeNumber } from "./options.ts";
import { formatTable } from "./table.ts";

interface KernelCommandOptions {
  readonly shape: readonly number[];
  readonly pass?: ConvPass;
  readonly filters?: number;
  readonly kernel?: number;
  readonly stride?: number;
  readonly pad?: number;
  readonly dilation?: number;
  readonly groups?: number;
  readonly form?: GemmForm;
  readonly variant?: string;
  readonly profile?: ProfileName;
  readonly time?: boolean;
  readonly show?: boolean;
  readonly json?: boolean;
}

const KINDS = ["conv", "gemm"] as const;
const PASSES: readonly ConvPass[] = ["forward", "dgrad", "wgrad"];
const FORMS: readonly GemmForm[] = ["nt", "nn", "tn"];
/** Options that only one of the kernels has. */
const OF_CONV = ["pass", "filters", "kernel", "stride", "pad", "dilation", "groups"] as const;
const OF_GEMM = ["form"] as const;

const EXAMPLES = `
Examples:
  secateur kernel conv --shape 8,64,56,56 --filters 64 --time
  secateur kernel conv --shape 1,24,56,56 --filters 144 --kernel 1 --pass wgrad --profile desktop
  secateur kernel gemm --shape 512,512,512 --form nn --variant 'registers 8x8' --show
  SECATEUR_DEBUG=3 secateur kernel gemm --shape 64,500,800     # each dispatch's time`;

export function kernelCommand(io: Io): Command {
  return new Command("kernel")
    .description("print how one convolution or matrix product would be done here: the ways there are, dispatches, WGSL")
    .argument("<kind>", `${KINDS.join(" or ")}`, kindOf)
    .requiredOption("--shape <n,...>", "conv: batch,channels,height,width of the input; gemm: m,n,k", sizes)
    .addOption(new Option("--pass <pass>", "conv: what is computed (default: forward)").choices(PASSES))
    .option("--filters <n>", "conv: (default: as many as channels)", wholeNumber(1))
    .option("--kernel <n>", "conv: side of the kernel (default: 3)", wholeNumber(1))
    .option("--stride <n>", "conv: (default: 1)", wholeNumber(1))
    .option("--pad <n>", "conv: on each side (default: half of the kernel)", wholeNumber(0))
    .option("--dilation <n>", "conv: (default: 1)", wholeNumber(1))
    .option("--groups <n>", "conv: (default: 1)", wholeNumber(1))
    .addOption(new Option("--form <form>", "gemm: t where an operand lies transposed (default: nt)").choices(FORMS))
    .option("--variant <name>", "describe this way instead of the one that a run would take")
    .addOption(
      new Option("--profile <name>", "estimate for another kind of device").choices(Object.keys(PROFILES)),
    )
    .option("--time", "measure each way on this device")
    .option("--show", "print the WGSL of each dispatch")
    .option("--json", "print all of it as JSON, WGSL too")
    .addHelpText("after", EXAMPLES)
    .action(async (kind: typeof KINDS[number], options: KernelCommandOptions) => {
      const question = questionOf(kind, options);
      const { askKernel } = await io.engine();
      const { variant, profile, time, show = false, json } = options;
      const ui = io.ui();
      const answer = await askKernel({
        question,
        ...variant !== undefined && { variant },
        ...profile !== undefined && { profile },
        time: time ? "each" : "no",
        store: io.store,
        ui,
      }).finally(ui.close);
      io.out(json ? JSON.stringify(answer, null, 2) : formatAnswer(answer, show ? "wgsl" : "no wgsl"));
    });
}

function kindOf(text: string): typeof KINDS[number] {
  const kind = KINDS.find((known) => known === text);
  if (kind === undefined) throw new InvalidArgumentError(`Expected ${KINDS.join(" or ")}`);
  return kind;
}

/** "8,64,56,56" */
function sizes(text: string): number[] {
  const found = text.split(",").map((part) => /^[1-9]\d{0,8}$/.test(part.trim()) ? Number(part) : NaN);
  if (found.some(Number.isNaN)) {
    throw new InvalidArgumentError("Expected whole numbers above 0 with commas between them");
  }
  return found;
}

/** @throws UsageError for a shape of another length, and options of the other kernel */
function questionOf(kind: typeof KINDS[number], options: KernelCommandOptions): KernelQuestion {
  const foreign = (kind === "conv" ? OF_GEMM : OF_CONV).find((name) => options[name] !== undefined);
  if (foreign !== undefined) {
    throw new UsageError(`--${foreign} is of ${kind === "conv" ? "gemm" : "conv"}: leave it out for ${kind}`);
  }
  if (kind === "gemm") {
    const [m, n, k] = lengthOf(options.shape, ["m", "n", "k"]);
    return { kernel: "gemm", form: options.form ?? "nt", m, n, k };
  }
  const [batch, channels, height, width] = lengthOf(options.shape, ["batch", "channels", "height", "width"]);
  const { pass = "forward", filters = channels, kernel, stride, pad, dilation, groups } = options;
  const sizes = { batch, channels, height, width, filters };
  return { kernel: "conv", pass, shape: squareConv({ ...sizes, kernel, stride, pad, dilation, groups }) };
}

function lengthOf(shape: readonly number[], names: readonly string[]): readonly number[] {
  if (shape.length === names.length) return shape;
  throw new UsageError(`--shape: found ${shape.join(",")}, expected ${names.length} numbers: ${names.join(",")}`);
}

function formatAnswer(answer: KernelAnswer, show: "wgsl" | "no wgsl"): string {
  const { adapter, profile, asked, macs, bytes: moved, variants, chosen, plan } = answer;
  const timed = variants.some(({ ms }) => ms !== undefined);
  const ways = formatTable([
    ["way", "estimate", ...timed ? ["ms"] : [], "dispatches", ""],
    ...variants.map((variant) => wayRow(variant, timed ? "timed" : "not timed", chosen.name)),
  ], { header: true, left: 1 });
  const dispatches = formatTable([
    ["", "kernel", "when", "buffers", "workgroups", "of", "threads"],
    ...runs(plan.dispatches, alike).map(dispatchRow),
  ], { header: true, left: 4 });
  const scratch = Object.entries(plan.scratch).map(([name, size]) => `${name} ${bytes(size)}`);
  return [
    `${asked} on ${adapter}, profile ${profile}\n` +
    `${short(macs)} multiply-adds, ${bytes(moved)} of inputs, weights and outputs`,
    ways,
    `"${chosen.name}", ${chosen.because}:`,
    dispatches,
    ...scratch.length > 0 ? [`scratch: ${scratch.join(", ")}`] : [],
    ...show === "wgsl" ? runs(plan.dispatches, (a, b) => a.wgsl === b.wgsl).map(wgslOf) : [],
  ].join("\n\n");
}

function wayRow(
  { name, estimate, ms, dispatches, refused }: VariantAnswer,
  timed: "timed" | "not timed",
  chosen: string,
) {
  return [
    name,
    times(estimate),
    ...timed === "timed" ? [ms === undefined ? "–" : milliseconds(ms)] : [],
    String(dispatches),
    refused !== undefined ? `refused: ${refused}` : name === chosen ? "←" : "",
  ];
}

interface Run {
  /** From 1 on. */
  readonly first: number;
  readonly last: number;
  readonly dispatch: DispatchDescription;
}

/** Dispatches in a row that `same` can't tell apart, such as those that do parts of a buffer. */
function runs(
  dispatches: readonly DispatchDescription[],
  same: (a: DispatchDescription, b: DispatchDescription) => boolean,
): Run[] {
  const found: Run[] = [];
  for (const [i, dispatch] of dispatches.entries()) {
    const before = found.at(-1);
    if (before && same(before.dispatch, dispatch)) found[found.length - 1] = { ...before, last: i + 1 };
    else found.push({ first: i + 1, last: i + 1, dispatch });
  }
  return found;
}

function alike(a: DispatchDescription, b: DispatchDescription): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function dispatchRow({ first, last, dispatch }: Run): string[] {
  const { kernel, workgroups, workgroupSize, threads, when, bindings } = dispatch;
  return [
    span({ first, last }),
    kernel,
    when,
    bindings.map(({ name, access }) => access === "read_write" ? `→ ${name}` : name).join(" "),
    workgroups.join("×"),
    workgroupSize.filter((size, axis) => axis === 0 || size > 1).join("×"),
    count(threads),
  ];
}

function wgslOf({ first, last, dispatch: { kernel, wgsl } }: Run): string {
  return `// ${span({ first, last })}: ${kernel}\n${wgsl.trimEnd()}`;
}

function span({ first, last }: { readonly first: number; readonly last: number }): string {
  return first === last ? String(first) : `${first}-${last}`;
}
