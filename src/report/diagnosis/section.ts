/** The doctor's part of a report, and its page. */
import type { BatchDiagnosis, Diagnosis } from "../../doctor/diagnose.ts";
import { count } from "../format.ts";
import { type Html, markup, table } from "../markup.ts";
import { renderPage } from "../page.ts";
import baseStyle from "../style.css" with { type: "text" };
import { partsOf } from "./sentences.ts";
import { DISPATCH_COLUMNS, dispatchRows, STEP_COLUMNS, stepRows } from "./step_rows.ts";

/** A heading, the sentences part by part, and the steps' times. */
export function diagnosisSection(diagnosis: Diagnosis): Html {
  return markup`<h2>Why it is as fast as it is</h2>
${body(diagnosis)}`;
}

/** The same as a page of its own. The same diagnosis gives the same bytes. */
export function renderDiagnosis(diagnosis: Diagnosis, name: string): string {
  const content = markup`<header>
<h1>Doctor</h1>
<p class="headline">${name} on ${diagnosis.checkup.adapter}</p>
</header>
<main>
${body(diagnosis)}</main>
<footer>Times are the least of five samples, in ms, of a whole batch. 1 MAC is one multiply-add, for one image.</footer>
`;
  return renderPage({ title: `Doctor: ${name}`, styles: [baseStyle], body: content });
}

function body(diagnosis: Diagnosis): Html {
  const parts = partsOf(diagnosis).map(({ title, sentences }) =>
    markup`<h3>${title}</h3>
<ul>${sentences.map((sentence) => markup`<li>${unbroken(sentence)}</li>\n`)}</ul>
`
  );
  return markup`${parts}${diagnosis.batches.map(tables)}`;
}

/** Units stay on the line of their numbers. */
function unbroken(text: string): string {
  return text.replace(/(\d) (ms|%)/g, "$1\u00a0$2");
}

function tables(found: BatchDiagnosis): Html {
  const at = `at batch ${count(found.batch)}`;
  const columns = (labels: readonly string[], words: readonly string[]) =>
    labels.map((label) => ({ label, ...words.includes(label) && { kind: "words" as const } }));
  return markup`${
    table(`Steps ${at}, each repeated alone`, columns(STEP_COLUMNS, ["step", "bound by"]), stepRows(found))
  }${table(`Dispatches ${at}`, columns(DISPATCH_COLUMNS, ["step", "kernel"]), dispatchRows(found))}`;
}
