/** What a network loses by each of its layers, as it is kept in a file: what it is of, the curves, and how far the measurement has come. */
import * as v from "valibot";
import { UserError } from "../../errors.ts";
import type { Tally } from "../../prune/sensitivity/tally.ts";
import { keptCount } from "../../prune/budget/per_layer.ts";
import type { Sensitivity, SensitivityCurve, SensitivityPoint } from "../../prune/sensitivity/types.ts";
import { count, flag, fraction, list, nonNegative, object, parseWith, whole } from "../schema.ts";

/** What decides every number: two measurements that agree in it are the same. */
export interface SensitivityIdentity {
  /** The network and its numbers. */
  readonly network: { readonly name: string; readonly sha256: string };
  /** The images that are looked at, and whether their labels are. */
  readonly data: {
    readonly name: string;
    readonly part: string;
    readonly images: number;
    readonly labels: boolean;
    readonly sha256: string;
  };
  /** By which groups were ranked. */
  readonly criterion: string;
  readonly seed: number;
  /** Parts of a layer's groups that go, rising. */
  readonly ratios: readonly number[];
  /** Images at once. */
  readonly batch: number;
  /** Each layer, and how many of its groups stayed. */
  readonly layers: readonly { readonly name: string; readonly keeps: readonly number[] }[];
}

/** A measurement, whole or under way. */
export interface SensitivityFile extends Sensitivity {
  readonly kind: "sensitivity";
  readonly version: 1;
  readonly tool: string;
  readonly commit: string;
  readonly command: string;
  readonly adapter: string;
  readonly identity: SensitivityIdentity;
  /** Of the network: parameters, and multiply-adds for one image. */
  readonly params: number;
  readonly macs: number;
  /** Images that the curves are of: `identity.data.images` once it is whole. */
  readonly images: number;
  /** Sums to go on from, as long as it isn't whole. */
  readonly tally?: Tally;
}

const TEXT = 4000;
const LAYERS = 5000;
const POINTS = 100;

const text = v.pipe(v.string("a text"), v.maxLength(TEXT, `a text of at most ${TEXT} characters`));
const number = v.pipe(v.number("a number"), v.finite("a number"));
const hash = v.pipe(v.string("a SHA-256"), v.regex(/^[0-9a-f]{64}$/, "a SHA-256"));
const ratio = v.pipe(fraction, v.gtValue(0, "a fraction above 0"), v.ltValue(1, "a fraction below 1"));

const point = object({
  keep: whole(1),
  outputLoss: nonNegative,
  accuracy: v.optional(fraction),
  loss: v.optional(number),
});

const tally = object({
  batches: count,
  images: count,
  networks: list(object({ correct: count, loss: number, error: nonNegative }), LAYERS * POINTS),
  outputs: list(number),
  squares: nonNegative,
});

const file = object({
  kind: v.literal("sensitivity", "sensitivity"),
  version: v.literal(1, "1, the version that this Secateur reads"),
  tool: text,
  commit: text,
  command: text,
  adapter: text,
  identity: object({
    network: object({ name: text, sha256: hash }),
    data: object({ name: text, part: text, images: whole(1), labels: flag, sha256: hash }),
    criterion: text,
    seed: count,
    ratios: list(ratio, POINTS),
    batch: whole(1),
    layers: list(object({ name: text, keeps: list(whole(1), POINTS) }), LAYERS),
  }),
  params: count,
  macs: count,
  images: count,
  dense: object({ accuracy: v.optional(fraction), loss: v.optional(number) }),
  curves: list(
    object({ name: text, layers: list(text, LAYERS), groups: whole(1), points: list(point, POINTS) }),
    LAYERS,
  ),
  tally: v.optional(tally),
});

/** @throws UserError naming the first key that is wrong, what was expected and what stands there; also for what isn't JSON */
export function readSensitivity(bytes: Uint8Array, name: string): SensitivityFile {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw new UserError(`${name}: not valid JSON; expected a file that secateur sensitivity has written`);
  }
  const found = parseWith(file, json, name, "measure again with secateur sensitivity");
  const wrong = found.curves.find(({ groups, points }) =>
    points.length === 0 || points.some(({ keep }, i) => keep >= (points[i - 1]?.keep ?? groups))
  );
  if (wrong) {
    throw new UserError(
      `${name}: the curve of ${wrong.name} has no points, or they don't fall below its ${wrong.groups} groups; measure again ` +
        "with secateur sensitivity",
    );
  }
  return found;
}

/** The point of a curve at this part that goes; undefined where the layer is so narrow that nothing of it does. */
export function pointAt({ groups, points }: SensitivityCurve, ratio: number): SensitivityPoint | undefined {
  const keep = keptCount(groups, 1 - ratio, 1);
  return points.find((point) => point.keep === keep);
}

/** @throws UserError for a measurement that hasn't come to its end */
export function requireWhole({ images, identity, command }: SensitivityFile, name: string): void {
  if (images === identity.data.images) return;
  throw new UserError(
    `${name}: was measured on ${images} of ${identity.data.images} images; end it first with: ${command}`,
  );
}

/** Why a file is of another measurement than this one, in its own words; undefined where it is the same. */
export function otherMeasurement(of: SensitivityIdentity, now: SensitivityIdentity): string | undefined {
  const [a, b] = [of, now];
  if (a.network.sha256 !== b.network.sha256) {
    const alike = a.network.name === b.network.name ? ` with other weights than ${b.network.name} has now` : "";
    return `it is of the network ${a.network.name}${alike || `, not of ${b.network.name}`}`;
  }
  const data = ({ name, part, images, labels }: SensitivityIdentity["data"]) =>
    `${images} images of ${name} (${part}, ${labels ? "with" : "without"} labels)`;
  if (data(a.data) !== data(b.data)) return `it is of ${data(a.data)}, not of ${data(b.data)}`;
  if (a.data.sha256 !== b.data.sha256) return `it is of other images or another normalisation of ${a.data.name}`;
  if (a.criterion !== b.criterion) return `its criterion is ${a.criterion}, not ${b.criterion}`;
  if (a.seed !== b.seed) return `its seed is ${a.seed}, not ${b.seed}`;
  if (a.ratios.join() !== b.ratios.join()) return `its ratios are ${a.ratios.join(", ")}, not ${b.ratios.join(", ")}`;
  if (a.batch !== b.batch) return `its batch is ${a.batch}, not ${b.batch}`;
  const layers = ({ layers }: SensitivityIdentity) => layers.map(({ name, keeps }) => `${name} ${keeps}`).join("; ");
  if (layers(a) !== layers(b)) return `it is of ${names(a)}, not of ${names(b)}`;
  return undefined;
}

function names({ layers }: SensitivityIdentity): string {
  const few = layers.slice(0, 8).map(({ name }) => name).join(", ");
  return `${layers.length} layers (${few}${layers.length > 8 ? ", …" : ""})`;
}
