import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type BrowserPage, openPage } from "../../bench/browser/page.ts";
import { prepareEnvironment } from "../../src/cli/environment.ts";
import { NO_FINDINGS, withEvent } from "../../src/measure/session/findings.ts";
import { onlyNightly } from "../long.ts";
import { outputsOf, pairsOf, type Told } from "../pages/session.ts";

const test = suite("timing session in Chromium");
let page: BrowserPage;
let there: Told;
test.before(async () => {
  page = await openPage({ adapter: "software" });
  there = await page.call<Told>(`${import.meta.dirname}/../pages/session.ts`, ["lenet5"]);
});
test.after(() => page.close());

test("dense and pruned networks give the outputs that they give in Deno", () => assertAsInDeno("lenet5", there));

async function assertAsInDeno(network: string, { outputs }: Told): Promise<void> {
  prepareEnvironment();
  const here = await outputsOf(pairsOf([network]));
  assert.is(outputs.length, 2);
  for (const [i, logits] of here.entries()) {
    assert.ok(Math.max(...logits.map(Math.abs)) > 0.05, "outputs that are all about zero would agree too easily");
    const worst = Math.max(...logits.map((value, j) => Math.abs(value - outputs[i][j])));
    assert.ok(worst <= 1e-4, `output ${i} differs by ${worst}`);
  }
}

test("the self-test passes on Tint and SwiftShader, subgroups included where there are some", () => {
  const { selfTest, device } = there.events.reduce(withEvent, NO_FINDINGS);
  assert.is(device!.fallback, true);
  assert.is(selfTest!.trusted, true);
  for (const { name, outcome, detail } of selfTest!.checks) {
    assert.is.not(outcome, "failed", `${name}: ${detail}`);
    const feature = { f16: "shader-f16", subgroups: "subgroups" }[name as string];
    assert.is(outcome, !feature || device!.features.includes(feature) ? "passed" : "absent");
    console.log(`  ${name} ${outcome}: ${detail}`);
  }
});

test("every row is measured, by Chromium's clock", () => {
  const { rows } = there.events.reduce(withEvent, NO_FINDINGS);
  assert.equal(rows.map(({ network, variant }) => `${network} ${variant}`), [
    "lenet5 dense",
    "lenet5 pruned",
  ]);
  for (const { status, medianMs, coldMs, quantumMs, clock } of rows) {
    assert.is(status, "measured");
    assert.ok(medianMs! > 0 && coldMs! > 0);
    // Chrome rounds timestamps to 65,536 ns, unless it is told to be unsafe, as here.
    const grain = clock === "gpu timestamps" ? [1e-6, 0.066] : [0.005, 10];
    assert.ok(quantumMs! >= grain[0] && quantumMs! <= grain[1], `${clock} ${quantumMs}`);
  }
});

test("the wall clock's grain is measured, not Deno's", () => {
  console.log(`  ${there.wallQuantumMs} ms`);
  assert.ok(there.wallQuantumMs >= 0.005 && there.wallQuantumMs < 10, `${there.wallQuantumMs} ms`);
});

onlyNightly(test)(
  "it goes as well in a browser without Symbol.dispose and DisposableStack, such as Safari",
  async () => {
    const script = `
    const native = Symbol;
    const old = (description) => native(description);
    for (const key of Reflect.ownKeys(native)) {
      if (!/dispose|prototype|length|name/i.test(String(key))) old[key] = native[key];
    }
    globalThis.Symbol = old;
    delete globalThis.DisposableStack;
  `;
    await page.page.addInitScript(script);
    await page.page.reload();
    assert.is(await page.page.evaluate("Symbol.dispose ?? globalThis.DisposableStack ?? 'neither'"), "neither");
    const old = await page.call<Told>(`${import.meta.dirname}/../pages/session.ts`, ["digits"]);
    await assertAsInDeno("digits", old);
    const { selfTest, rows } = old.events.reduce(withEvent, NO_FINDINGS);
    assert.is(selfTest!.trusted, true, JSON.stringify(selfTest!.checks));
    assert.equal(rows.map(({ status }) => status), ["measured", "measured"]);
  },
);

test.run();
