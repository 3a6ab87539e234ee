/** Why this browser has no WebGPU, and what its user can do about it. */

/** What is known about the browser; see `facts`. */
export interface Facts {
  readonly userAgent: string;
  /** Of the device, where the browser tells ("Pixel 8"). */
  readonly model: string;
  /** Of the system, where the browser tells; 0 where it doesn't. User agents froze theirs. */
  readonly systemVersion: number;
  /** How many fingers its screen feels: iPads say that they are Macs, which have no such screens. */
  readonly touchPoints: number;
  readonly secure: boolean;
  /** The page's address. */
  readonly href: string;
  /** navigator.gpu is there. */
  readonly api: boolean;
  /** It gives an adapter. */
  readonly adapter: boolean;
}

export interface Diagnosis {
  /** One sentence. */
  readonly headline: string;
  /** In turn, until one helps. */
  readonly remedies: readonly string[];
}

interface Browser {
  readonly name: "Chrome" | "Edge" | "Samsung Internet" | "Firefox" | "Safari" | "this browser";
  readonly version: number;
  readonly system: "iOS" | "Android" | "macOS" | "Windows" | "Linux" | "another system";
  /** Of the system, where it decides (iOS). */
  readonly systemVersion: number;
  /** A page inside of another app. */
  readonly embedded: boolean;
}

/** The first versions with WebGPU switched on. Chrome's count for what is made of it. */
const CHROME = { Android: 121, Linux: 144, other: 113 };
const FIREFOX = { Windows: 141, macOS: 145 } as const;
const SAFARI = 26;
const SAMSUNG = 24;
/** The first that Chrome uses the GPU of. */
const ANDROID = 12;

/** What not every browser's `navigator` has, and types leave out. */
interface Hints {
  readonly maxTouchPoints: number;
  readonly userAgentData: {
    getHighEntropyValues(keys: string[]): Promise<{ readonly model?: string; readonly platformVersion?: string }>;
  };
}

/** Asks the browser. Waits for an adapter, which can take a second. */
export async function facts(): Promise<Facts> {
  const { gpu, userAgent } = navigator;
  const { maxTouchPoints = 0, userAgentData } = navigator as Partial<Hints>;
  const told = userAgentData?.getHighEntropyValues(["model", "platformVersion"]).catch(() => undefined);
  const { model = "", platformVersion = "" } = await told ?? {};
  return {
    userAgent,
    model,
    systemVersion: parseInt(platformVersion, 10) || 0,
    touchPoints: maxTouchPoints,
    secure: globalThis.isSecureContext,
    href: location.href,
    api: gpu !== undefined,
    adapter: await gpu?.requestAdapter().catch(() => null) != null,
  };
}

/** Undefined where WebGPU works. */
export function diagnose(known: Facts): Diagnosis | undefined {
  if (known.adapter) return undefined;
  const browser = browserOf(known);
  const who = `${browser.name}${browser.version > 0 ? ` ${browser.version}` : ""}`;
  if (!known.secure) return insecure(known.href);
  if (known.api) return noAdapter(browser, who, known.systemVersion);
  return noApi(browser, who);
}

function insecure(href: string): Diagnosis {
  const { protocol, host, port } = new URL(href);
  const remedies = protocol === "http:"
    ? [
      `open https://${host} instead: \`deno task serve\` without --http`,
      `with the phone on a cable: adb reverse tcp:${port || "80"} tcp:${port || "80"}, then open http://localhost${
        port ? `:${port}` : ""
      }`,
    ]
    : ["open the page by the address that the server printed"];
  return { headline: "The page came over an insecure connection, where browsers have no WebGPU.", remedies };
}

/** @param systemVersion 0 where it isn't known */
function noAdapter({ name, system }: Browser, who: string, systemVersion: number): Diagnosis {
  const chromium = name !== "Firefox" && name !== "Safari" && system !== "iOS";
  if (chromium && system === "Android" && systemVersion > 0 && systemVersion < ANDROID) {
    return {
      headline: `${who} has WebGPU from Android ${ANDROID} on, and this is Android ${systemVersion}.`,
      remedies: [`update the phone to Android ${ANDROID} or newer`],
    };
  }
  return {
    headline: `${who} has WebGPU, but no GPU that it would use with it.`,
    remedies: [
      ...chromium
        ? [
          `look at ${
            pages(name)
          }gpu: “WebGPU” says why (a blocked driver, or graphics acceleration switched off in the settings)`,
        ]
        : [],
      ...chromium && system === "Linux" ? [`on Linux: switch on ${flags(name, true)}`] : [],
      ...name === "Firefox"
        ? [
          "look at about:support, section Graphics: it says why",
          "where it says that the driver is blocked: set gfx.webgpu.ignore-blocklist to true in about:config",
        ]
        : [],
      "update the system: the GPU's driver comes with it",
    ],
  };
}

function noApi({ name, version, system, systemVersion, embedded }: Browser, who: string): Diagnosis {
  if (system === "iOS" && systemVersion < SAFARI) {
    // All browsers there are Safari's engine.
    return {
      headline: `iOS ${systemVersion || `before ${SAFARI}`} has no WebGPU in any browser.`,
      remedies: [
        `update to iOS ${SAFARI} or newer`,
        ...systemVersion >= 17 ? ["or switch it on: Settings, Apps, Safari, Advanced, Feature Flags, WebGPU"] : [],
      ],
    };
  }
  if (embedded) {
    return {
      headline: "The page is open inside of another app, whose browser has no WebGPU.",
      remedies: ["open it in the phone's own browser: Chrome on Android, Safari on an iPhone"],
    };
  }
  if (system === "iOS") return off(who, "Settings, Apps, Safari, Advanced, Feature Flags, WebGPU");
  if (name === "Safari") {
    return version < SAFARI ? old(who, `Safari ${SAFARI}`) : off(who, "Develop, Feature Flags, WebGPU");
  }
  if (name === "Firefox") {
    const least = FIREFOX[system as keyof typeof FIREFOX];
    if (least === undefined) {
      return {
        headline: `Firefox on ${system} doesn't have WebGPU switched on.`,
        remedies: [
          system === "Linux"
            ? "set dom.webgpu.enabled and dom.webgpu.workers.enabled to true in about:config, and load the page again"
            : "set dom.webgpu.enabled to true in about:config (Firefox Nightly)",
          "or take a browser made of Chromium",
        ],
      };
    }
    if (version < least) return old(who, `Firefox ${least}`);
    const switched = off(who, "about:config, dom.webgpu.enabled");
    return system === "macOS"
      ? { ...switched, remedies: ["Firefox has it on Macs with Apple's chips only", ...switched.remedies] }
      : switched;
  }
  if (name === "Samsung Internet") {
    return version < SAMSUNG ? old(who, `Samsung Internet ${SAMSUNG}`) : off(who, flags(name));
  }
  const least = system === "Android" ? CHROME.Android : system === "Linux" ? CHROME.Linux : CHROME.other;
  if (name !== "this browser" && version >= least) return off(who, flags(name));
  if (name !== "this browser" && system === "Linux" && version >= CHROME.other) return off(who, flags(name, true));
  return old(who, `Chrome ${least}`);
}

function old(who: string, least: string): Diagnosis {
  return { headline: `${who} is too old for WebGPU.`, remedies: [`update it to ${least} or newer`] };
}

function off(who: string, where: string): Diagnosis {
  return { headline: `${who} has WebGPU, and it is switched off.`, remedies: [`switch it on: ${where}`] };
}

/** Where a browser made of Chromium keeps what it tells of itself. */
function pages(name: Browser["name"]): string {
  return { Edge: "edge://", "Samsung Internet": "internet://" }[name as string] ?? "chrome://";
}

function flags(name: Browser["name"], vulkan = false): string {
  const flag = (id: string) => `${pages(name)}flags/#${id}`;
  return [flag("enable-unsafe-webgpu"), ...vulkan ? [flag("enable-vulkan")] : []].join(" and ");
}

/** By the marks that browsers leave in their user agents, the most particular first. */
export function browserOf({ userAgent, touchPoints }: Pick<Facts, "userAgent" | "touchPoints">): Browser {
  const number = (pattern: RegExp) => Number(pattern.exec(userAgent)?.[1] ?? 0);
  const ios = /iPhone|iPad|iPod/.test(userAgent) || (/Macintosh/.test(userAgent) && touchPoints > 1);
  const system = ios
    ? "iOS"
    : /Android/.test(userAgent)
    ? "Android"
    : /Macintosh/.test(userAgent)
    ? "macOS"
    : /Windows/.test(userAgent)
    ? "Windows"
    : /Linux|CrOS/.test(userAgent)
    ? "Linux"
    : "another system";
  // Safari's own number has followed the system's since 26, and user agents froze the latter.
  const systemVersion = ios ? Math.max(number(/\bOS (\d+)_/), number(/Version\/(\d+)/)) : 0;
  const embedded = /; wv\)|\bFBA[NV]\/|\bInstagram\b|\bLine\//.test(userAgent);
  const known = (
    [
      ["Edge", /\bEdg(?:A|iOS)?\/(\d+)/],
      ["Samsung Internet", /\bSamsungBrowser\/(\d+)/],
      ["Firefox", /\b(?:Firefox|FxiOS)\/(\d+)/],
      ["Chrome", /(?:Chrome|CriOS)\/(\d+)/],
      ["Safari", /\bVersion\/(\d+)[\d.]* (?:Mobile\/\w+ )?Safari\//],
    ] as const
  ).find(([, pattern]) => pattern.test(userAgent));
  return {
    name: known?.[0] ?? "this browser",
    version: known ? number(known[1]) : 0,
    system,
    systemVersion,
    embedded,
  };
}
