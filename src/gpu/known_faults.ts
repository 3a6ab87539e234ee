/**
 * Devices that are known to compute wrong numbers, or to say too little of themselves: which part of WebGPU each is not
 * asked for, and why. The list is asked at opening, for whatever work; the self-test finds the faults that nobody has
 * listed (src/measure/session/selftest.ts).
 */

/** A part of WebGPU that there is a way around. */
export type AvoidablePart = "workgroup memory" | "dynamic offsets" | "subgroups" | "f16";

/** A part of WebGPU that isn't used on a device. */
export interface Avoided {
  /** This part isn't used. */
  readonly part: AvoidablePart;
  /** This is why not, in a clause. */
  readonly why: string;
}

/** What is known of an adapter before anything has run on it. */
export interface KnownAdapter {
  /** It is as `AdapterInfo` has it: a name in browsers, a PCI number in Deno. */
  readonly vendor: string;
  /** It is as `AdapterInfo` has it. */
  readonly architecture: string;
  /** It is as `AdapterInfo` has it. */
  readonly description: string;
  /** It is as `AdapterInfo` has it; browsers that don't say have none. */
  readonly subgroupMinSize?: number;
  /** It offers these, in WebGPU's own names. */
  readonly features: Pick<ReadonlySet<string>, "has">;
}

interface KnownFault extends Avoided {
  has(adapter: KnownAdapter): boolean;
}

const FAULTS: readonly KnownFault[] = [
  {
    // Pixel 10. Browsers say "img-tec" and "d-series", Vulkan "PowerVR D-Series DXT-48-1536".
    has: (adapter) => /\bimg-tec d-series\b|\bpowervr d-series\b/i.test(wordsOf(adapter)),
    part: "workgroup memory",
    why:
      "drivers of PowerVR's D-series miscompile shaders that use it, and don't set it to zero (playcanvas/engine#8874)",
  },
  {
    // Browsers say "adreno-8xx", Vulkan "Adreno (TM) 830".
    has: (adapter) => /\badreno(-8xx| (\(tm\) )?8\d\d)\b/i.test(wordsOf(adapter)),
    part: "dynamic offsets",
    why: "drivers of Adreno 8xx run only the first dispatch with a bind group right (google-ai-edge/LiteRT#8065)",
  },
  {
    has: ({ features, subgroupMinSize }) => features.has("subgroups") && !(subgroupMinSize! > 0),
    part: "subgroups",
    why: "this browser doesn't say how large they are, as Safari doesn't (WebKit/WebKit#68713)",
  },
];

/** Gives the parts that aren't used on this adapter because of what is known of its kind. */
export function knownFaults(adapter: KnownAdapter): Avoided[] {
  return FAULTS.filter(({ has }) => has(adapter)).map(({ part, why }) => ({ part, why }));
}

/** Says in one line what isn't used and why; "" where everything is. */
export function avoidedLine(avoided: readonly Avoided[]): string {
  return avoided.map(({ part, why }) => `without ${part}: ${why}`).join("; ");
}

function wordsOf({ vendor, architecture, description }: KnownAdapter): string {
  return `${vendor} ${architecture} ${description}`;
}
