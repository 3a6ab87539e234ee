/** The stand-in for DisposableStack, against the runtime's own. */
import { suite } from "uvu";
import * as assert from "uvu/assert";

const test = suite("disposable");
const native = globalThis.DisposableStack;

/** `src/disposable.ts` as a runtime without a stack sees it. */
async function standIn(): Promise<typeof DisposableStack> {
  Object.assign(globalThis, { DisposableStack: undefined });
  try {
    await import(`../src/disposable.ts?without=${crypto.randomUUID()}`);
    return globalThis.DisposableStack;
  } finally {
    globalThis.DisposableStack = native;
  }
}

test("disposes what it was given, the last first, once, also when one throws", async () => {
  const other = await standIn();
  assert.is.not(other, native);
  const orders = [native, other].map((Stack) => {
    const order: string[] = [];
    const resource = (name: string, fails = false): Disposable => ({
      [Symbol.dispose]() {
        order.push(name);
        if (fails) throw new Error(`${name} fails`);
      },
    });
    try {
      using stack = new Stack();
      const first = resource("first");
      assert.is(stack.use(first), first);
      assert.is(stack.use(undefined), undefined);
      stack.use(resource("second", true));
      assert.is(stack.adopt("adopted", (name) => order.push(name)), "adopted");
      stack.defer(() => order.push("deferred"));
    } catch (error) {
      order.push((error as Error).message);
    }
    const stack = new Stack();
    stack.use(resource("again"));
    stack.dispose();
    stack[Symbol.dispose]();
    return order;
  });
  assert.equal(orders[0], ["deferred", "adopted", "second", "first", "second fails", "again"]);
  assert.equal(orders[1], orders[0]);
});

test("leaves a runtime that has its own alone", async () => {
  await import("../src/disposable.ts");
  assert.is(globalThis.DisposableStack, native);
});

test.run();
