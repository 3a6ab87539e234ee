/** The committed record of a ResNet-20's sensitivity, and the table that documentation makes of it. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { pointAt, readSensitivity, requireWhole } from "../../src/report/sensitivity/sensitivity_file.ts";

const test = suite("the committed sensitivity of a ResNet-20");

const results = `${import.meta.dirname}/../../docs/results`;
const path = `${results}/sensitivity/resnet20.json`;
const file = readSensitivity(Deno.readFileSync(path), path);

test("docs/results/README.md has a row for each of its layers, and says what it says", () => {
  requireWhole(file, path);
  const document = Deno.readTextFileSync(`${results}/README.md`);
  const { identity: { ratios, data }, curves, dense } = file;
  assert.is(data.images, 2000);
  assert.ok(document.includes(`the whole network has ${(100 * dense.accuracy!).toFixed(2)} and`));
  for (const curve of curves) {
    const name = curve.name.replace(/:filter$/, "");
    const coupled = curve.layers.length > 1 ? ` and ${curve.layers.length - 1} coupled` : "";
    const cells = ratios.map((ratio) => {
      const { accuracy, outputLoss } = pointAt(curve, ratio)!;
      return `${(100 * accuracy!).toFixed(2)} (${outputLoss.toFixed(2)})`;
    });
    const row = `| ${[`\`${name}\`${coupled}`, String(curve.groups), ...cells].join(" | ")} |`;
    assert.ok(document.includes(row), row);
  }
  // Nothing of the machine that measured stands in it.
  assert.not.match(file.command, /(^|\s|:)\//);
});

test.run();
