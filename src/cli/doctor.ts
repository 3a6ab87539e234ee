/** `doctor`: why a network is as fast as it is. */
import { Command, InvalidArgumentError, Option } from "commander";
import type { Diagnosis } from "../doctor/diagnose.ts";
import { UsageError } from "../errors.ts";
import { count } from "../report/format.ts";
import { partsOf } from "../report/diagnosis/sentences.ts";
import { DISPATCH_COLUMNS, dispatchRows, STEP_COLUMNS, stepRows } from "../report/diagnosis/step_rows.ts";
import type { DiagnoseOptions, Io } from "./io.ts";
import { batchList, wholeNumber } from "./options.ts";
import { formatTable, wrapped } from "./table.ts";

interface DoctorCommandOptions extends Omit<DiagnoseOptions, "target" | "store" | "ui" | "signal"> {
  readonly html?: string;
  readonly json?: boolean;
}

export function doctorCommand(io: Io): Command {
  return new Command("doctor")
    .description("say why a network is as fast as it is on this machine's adapter, and what would make it faster")
    .argument("<target>", "a run's folder, or a network's .onnx file")
    .option("--batches <n,...>", "batch sizes (default: those of the run's recipe, else 1,32)", batchList)
    .option("--seconds <n>", "about so long for times at other widths (default: 10)", seconds)
    .option("--data <data>", "labelled images, to tell what pruning on would cost: digits, folder:./images …")
    .addOption(
      new Option("--part <part>", "of a file's network, which part (default: test)")
        .choices(["train", "validation", "test", "all"]),
    )
    .option("--data-dir <dir>", "where the data set's files lie")
    .option("--images <n>", "images at most (default: 500)", wholeNumber(2))
    .option("--html <file>", "also write a page, which opens without a network")
    .option("--json", "print JSON instead of sentences and tables")
    .addHelpText("after", "\nExample:\n  secateur doctor runs/digits-1 --batches 1,64")
    .action(async (target: string, { html, json, ...options }: DoctorCommandOptions) => {
      if (options.part !== undefined && options.data === undefined) {
        throw new UsageError("--part says which part of --data: give --data too, or leave it out");
      }
      const { diagnose } = await io.engine();
      const ui = io.ui();
      const found = await diagnose({ target, ...options, store: io.store, ui, signal: io.signal }).finally(ui.close);
      if (html !== undefined) {
        const { renderDiagnosis } = await import("../report/diagnosis/section.ts");
        await io.store.write(html, new TextEncoder().encode(renderDiagnosis(found, target)));
      }
      if (json) return io.out(JSON.stringify(found, null, 2));
      const drawn = html === undefined ? [] : [`The page is ${html}`];
      io.out([formatDiagnosis(found, io.width), ...drawn].join("\n\n"));
    });
}

/** Sentences part by part, then the steps and dispatches at each batch size. */
export function formatDiagnosis(found: Diagnosis, width: number): string {
  const parts = partsOf(found).map(({ title, sentences }) =>
    [title, ...sentences.map((sentence) => wrapped(sentence, width))].join("\n")
  );
  const tables = found.batches.flatMap((batch) => [
    `Steps at batch ${count(batch.batch)}, each repeated alone:\n` +
    formatTable([[...STEP_COLUMNS], ...stepRows(batch)], { header: true, left: 1 }),
    `Dispatches at batch ${count(batch.batch)}:\n` +
    formatTable([[...DISPATCH_COLUMNS], ...dispatchRows(batch)], { header: true, left: 2 }),
  ]);
  return [...parts, ...tables].join("\n\n");
}

function seconds(text: string): number {
  const value = text.trim() === "" ? NaN : Number(text);
  if (!(value >= 0 && Number.isFinite(value))) throw new InvalidArgumentError("Expected a number of seconds");
  return value;
}
