/**
 * What the page knows while it shrinks a network, what each thing that happens makes of it, and what is to be done next. Pure:
 * state/shrink.ts does what `nextStep` says, one step after the other, until there is none.
 *
 *     network file ──▶ read network ─┐
 *     images ─────────▶ read images ─┴▶ look ──▶ predict … ──▶ [Shrink] ──▶ shrink ──▶ time
 *
 * A choice that a step was made for takes back the step and all that came after it. A step that fails, or is stopped, holds
 * everything until somebody chooses again.
 */
import type { Row } from "../../measure/session/types.ts";
import type { GivenImages, GivenNetwork, PixelName, Prediction, ShrunkNetwork, WayName } from "./types.ts";

/** Where the slider can be, in fractions of the multiply-adds that are to go. */
export const REMOVABLE: readonly number[] = Array.from({ length: 10 }, (_, i) => 5 * (i + 1) / 100);
const FIRST_REMOVED = 0.3;

export interface Flow {
  /** Counts what somebody has given or chosen: an answer to an older question is no answer. */
  readonly files: { readonly network: number; readonly images: number };
  readonly network?: GivenNetwork;
  readonly images?: GivenImages;
  readonly way: WayName;
  readonly pixels: PixelName;
  /** One of REMOVABLE. */
  readonly removed: number;
  /** What can go at most, once the network has been looked at. */
  readonly most?: number;
  /** By what is removed. */
  readonly predictions: ReadonlyMap<number, Prediction>;
  /** Somebody has asked for the smaller network. */
  readonly asked: boolean;
  readonly shrunk?: ShrunkNetwork;
  /** Of the dense and the smaller network, one image at a time. */
  readonly rows?: readonly Row[];
  /** The step that failed or was stopped: nothing goes on before something is chosen. */
  readonly held?: Step["do"];
}

export type Step =
  | { readonly do: "read network" | "read images" | "time" }
  | { readonly do: "look"; readonly way: WayName; readonly pixels: PixelName }
  | { readonly do: "predict" | "shrink"; readonly way: WayName; readonly removed: number };

export type FlowEvent =
  | { readonly kind: "network file" | "image files" | "asked" | "again" }
  | { readonly kind: "way"; readonly way: WayName }
  | { readonly kind: "pixels"; readonly pixels: PixelName }
  | { readonly kind: "removed"; readonly removed: number }
  /** The step has failed, or was stopped. */
  | { readonly kind: "held"; readonly step: Step }
  | { readonly kind: "network"; readonly network: GivenNetwork }
  | { readonly kind: "images"; readonly images: GivenImages }
  | { readonly kind: "looked"; readonly most: number }
  | { readonly kind: "predicted"; readonly removed: number; readonly prediction: Prediction }
  | { readonly kind: "shrunk"; readonly shrunk: ShrunkNetwork }
  | { readonly kind: "timed"; readonly rows: readonly Row[] };

export const BEGINNING: Flow = {
  files: { network: 0, images: 0 },
  way: "width",
  pixels: "measured",
  removed: FIRST_REMOVED,
  predictions: new Map(),
  asked: false,
};

/** Without what was made, and without having been asked for it. */
const UNMADE = { asked: false, shrunk: undefined, rows: undefined, held: undefined } as const;
/** Without what was found by looking, either. */
const UNSEEN = { ...UNMADE, most: undefined, predictions: new Map<number, Prediction>() } as const;

export function afterEvent(flow: Flow, event: FlowEvent): Flow {
  const { files } = flow;
  switch (event.kind) {
    case "network file":
      // Images are read in the size that a network takes.
      return {
        ...flow,
        ...UNSEEN,
        files: { ...files, network: files.network + 1 },
        network: undefined,
        images: undefined,
      };
    case "image files":
      return { ...flow, ...UNSEEN, files: { ...files, images: files.images + 1 }, images: undefined };
    case "network":
      return { ...flow, network: event.network, pixels: event.network.pixels[0], way: wayFor(event.network, flow.way) };
    case "images":
      return { ...flow, images: event.images };
    case "way":
      return event.way === flow.way ? flow : { ...flow, ...UNSEEN, way: event.way };
    case "pixels":
      return event.pixels === flow.pixels ? flow : { ...flow, ...UNSEEN, pixels: event.pixels };
    case "looked":
      return { ...flow, most: event.most, removed: nearest(flow.removed, event.most) };
    case "removed":
      return event.removed === flow.removed ? flow : { ...flow, ...UNMADE, removed: event.removed };
    case "predicted":
      return { ...flow, predictions: new Map([...flow.predictions, [event.removed, event.prediction]]) };
    case "asked":
      return { ...flow, ...UNMADE, asked: true };
    case "shrunk":
      return { ...flow, shrunk: event.shrunk, rows: undefined };
    case "timed":
      return { ...flow, rows: event.rows };
    case "held":
      return { ...flow, held: event.step.do, asked: false };
    case "again":
      return { ...flow, held: undefined };
  }
}

/** Undefined where somebody has to give or choose something first, or nothing is left to do. */
export function nextStep(flow: Flow): Step | undefined {
  const { files, network, images, way, pixels, removed, most, asked, shrunk, rows, held } = flow;
  if (held !== undefined) return undefined;
  if (!network) return files.network > 0 ? { do: "read network" } : undefined;
  if (!images) return files.images > 0 ? { do: "read images" } : undefined;
  if ("refused" in network.ways[way]) return undefined;
  if (most === undefined) return { do: "look", way, pixels };
  if (asked && !shrunk) return { do: "shrink", way, removed };
  if (shrunk && !rows) return { do: "time" };
  const [next] = nearestFirst(removable(most).filter((at) => !flow.predictions.has(at)), removed);
  return next === undefined ? undefined : { do: "predict", way, removed: next };
}

/** Whether a step that is under way is still what is to be done; predictions of the same way are never in vain. */
export function isWanted(flow: Flow, begun: Flow, step: Step): boolean {
  if (flow.held !== undefined || flow.files.network !== begun.files.network) return false;
  if (step.do === "read network") return true;
  if (flow.files.images !== begun.files.images) return false;
  if (step.do === "read images") return true;
  if (flow.way !== begun.way || flow.pixels !== begun.pixels) return false;
  if (step.do === "look" || step.do === "predict") return true;
  return flow.removed === begun.removed && (flow.asked || flow.shrunk !== undefined);
}

/** The places of the slider that can be reached. */
export function removable(most: number): readonly number[] {
  return REMOVABLE.filter((removed) => removed <= most);
}

function nearest(removed: number, most: number): number {
  return nearestFirst(removable(most), removed)[0] ?? removed;
}

/** Of two that are as near, the smaller one first: whole percents tell that without rounding. */
function nearestFirst(places: readonly number[], to: number): number[] {
  const distance = (place: number) => Math.abs(Math.round(100 * place) - Math.round(100 * to));
  return places.toSorted((a, b) => distance(a) - distance(b));
}

/** The way that was chosen, where the network can be made smaller by it, or the other one. */
function wayFor({ ways }: GivenNetwork, way: WayName): WayName {
  if (!("refused" in ways[way])) return way;
  return (Object.keys(ways) as WayName[]).find((other) => !("refused" in ways[other])) ?? way;
}
