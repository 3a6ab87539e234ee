/** What `deno task bench` and each of its suites take, in words. Pure. */
import type { OptionName, Suite } from "./suites/registry.ts";

/** Each option as it is written, and what it does. */
const OPTION_WORDS: Readonly<Record<OptionName, readonly [string, string]>> = {
  rounds: ["--rounds <n>", "samples of every contestant"],
  steps: ["--steps <n>", "steps per sample"],
  seed: ["--seed <n>", "of data, weights and masks (default 1)"],
  batch: ["--batch <n,…>", "only these batch sizes"],
  case: ["--case <text>", "only cases whose names contain it"],
  variant: ["--variant <way>", "this way to do the work, where a shape has it, instead of the fastest"],
  weights: ["--weights <file>", "the ResNet-20 that others have trained, for its rows"],
  data: ["--data <folder:dir>", "the images of CIFAR-10 for it, a folder for each class, or an archive of them"],
  gpu: ["--gpu <name>", "compile for this GPU of AMD's, such as navi21 (the default); a wrong name lists them"],
  profile: [
    "--profile <name>",
    "plan for this kind of device instead of the GPU's own: software, integrated, desktop, mobile-tiler",
  ],
  show: ["--show <text>", "print the hot loop of each kernel whose name contains it, instead of tables"],
  json: ["--json", "print the record instead of tables"],
  browser: ["--browser", "run in headless Chromium"],
  "no-tune": ["--no-tune", "take the planners' own choices instead of measuring the candidates first"],
};

const FOOT =
  "Every suite prints tables and writes bench/results/<suite>-<time>.json; bench/results/index.html shows the latest of\n" +
  "each. docs/benchmarks.md explains how to read them.";

export function usage(suites: readonly Suite[]): string {
  const names = Object.keys(OPTION_WORDS) as OptionName[];
  const options = names.map((name): readonly [string, string] => {
    const [written, about] = OPTION_WORDS[name];
    const takers = suites.filter((suite) => suite.options.includes(name)).map((suite) => suite.name);
    const others = suites.filter((suite) => !takers.includes(suite.name)).map((suite) => suite.name);
    if (others.length === 0) return [written, about];
    return [written, `${about} (${takers.length <= others.length ? takers.join(", ") : `not ${others.join(", ")}`})`];
  });
  return `Usage: deno task bench [suite …] [options]
       deno task bench --pack DIR [--with-deno]
       deno task bench --import FILE

Suites (default: all)
${columns(suites.map(({ name, about }) => [name, about]))}

Options
${columns([...options, ["--help", "this text; after a suite's name what it takes, and its cases"]])}

Other machines
${
    columns([
      ["--pack DIR", "write a folder that runs the kernels' tests and our own suites on a machine without a network"],
      ["--with-deno", "put Deno's program into it"],
      ["--import FILE", "put what such a folder has found beside this machine's results"],
    ])
  }

Example: deno task bench kernels --case "16→16" --rounds 9

${FOOT}`;
}

/** @param cases what its cases are called, where that is known without running it */
export function suiteUsage({ name, about, options }: Suite, cases: readonly string[]): string {
  return `Usage: deno task bench ${name} [options]

Measures ${about}.

Options
${columns(options.map((option) => OPTION_WORDS[option]))}
${cases.length > 0 ? `\nCases\n${cases.map((one) => `  ${one}`).join("\n")}\n` : ""}
${FOOT}`;
}

function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`).join("\n");
}
