/** What a phone that works for a sweep asks of the server: `api/work`. It never sees the queue behind the desk. */
import * as v from "valibot";
import { UserError } from "../../errors.ts";
import { DEVICE_NAME } from "../../report/devices/schema.ts";
import { object, parseWith } from "../../report/schema.ts";
import { adapterSchema, AnswerRefused, type RefusalKind } from "../../sweep/phones/check_answer.ts";
import type { Desk } from "../../sweep/phones/desk.ts";
import type { WorkOffer } from "../../sweep/phones/offer.ts";
import { Refusal } from "./refusal.ts";

export interface PhoneWork {
  readonly desk: Desk;
  /** The desk's clock, in ms. */
  readonly now: () => number;
  readonly offer: () => WorkOffer;
}

/** What may be posted to api/work/<action>, and what it is answered with. */
const ACTIONS: Readonly<Record<string, (work: PhoneWork, posted: unknown) => unknown>> = {
  ask: ({ desk, now }, posted) => desk.ask(parse(session, posted), now()),
  renew: ({ desk, now }, posted) => ({ held: desk.renew(parse(lease, posted).lease, now()) }),
  return({ desk }, posted) {
    desk.giveBack(parse(lease, posted).lease);
    return { returned: true };
  },
  fail({ desk, now }, posted) {
    const { lease, reason } = parse(failure, posted);
    desk.fail(lease, reason, now());
    return { failed: true };
  },
  answer({ desk, now }, posted) {
    const { lease, answer: found } = parse(answer, posted);
    desk.answer(lease, found, now());
    return { counted: true };
  },
};

const id = v.pipe(v.string("a text"), v.regex(/^[\w-]{8,64}$/, "8 to 64 letters, digits and dashes"));
const session = object({
  session: id,
  name: v.pipe(v.string("a text"), v.regex(DEVICE_NAME, "a name of letters, digits, dots and dashes, at most 64")),
  adapter: adapterSchema,
});
const lease = object({ lease: id });
const failure = object({ lease: id, reason: v.pipe(v.string("a text"), v.maxLength(2000, "at most 2000 characters")) });
/** The answer itself is checked against what was asked. */
const answer = object({ lease: id, answer: v.unknown() });

/**
 * Gives what is answered.
 * @throws Refusal
 */
export function phoneWork(work: PhoneWork | undefined, action: string, posted: unknown): unknown {
  if (!work) throw new Refusal(404, "there is nothing to work for here");
  if (!Object.hasOwn(ACTIONS, action)) {
    throw new Refusal(404, `expected api/work/ and one of ${Object.keys(ACTIONS).join(", ")}`);
  }
  try {
    return ACTIONS[action](work, posted);
  } catch (error) {
    if (error instanceof AnswerRefused) throw new Refusal(statusOf(error.kind), error.message);
    throw error instanceof UserError ? new Refusal(422, error.message) : error;
  }
}

function parse<T>(schema: v.GenericSchema<unknown, T>, posted: unknown): T {
  return parseWith(schema, posted, "what was posted", "reload the page");
}

/** 403: go away; 409: the lease is gone; 422: what was posted doesn't count. */
function statusOf(kind: RefusalKind): number {
  return kind === "turned away" ? 403 : kind === "no lease" ? 409 : 422;
}
