/** Code of the page that is fetched later. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UserError } from "../../src/errors.ts";
import { fetched } from "../../src/web/engine/late_code.ts";

const test = suite("code fetched later");
const failure = (code: Promise<unknown>) => code.then(() => undefined, (error: Error) => error);

test("code that can't be fetched is no fault of the page, and what to do is said", async () => {
  const gone = await failure(fetched(Promise.reject(new TypeError("Failed to fetch dynamically imported module"))));
  assert.instance(gone, UserError);
  assert.match(gone!.message, /can't be fetched \(Failed to fetch.*\): look whether the server still runs/);
});

test("what arrives is handed on, and a fault of the code itself stays one", async () => {
  assert.is(await fetched(Promise.resolve(7)), 7);
  const fault = new SyntaxError("Unexpected token");
  assert.is(await failure(fetched(Promise.reject(fault))), fault);
});

test.run();
