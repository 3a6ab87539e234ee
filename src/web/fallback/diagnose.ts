/** Why this browser has no WebGPU, and what its user can do about it. */

/** What is known about the browser; see `facts`. */
export interface Facts {
  readonly userAgent: string;
  /** Of the device, where the browser tells ("Pixel 8"). */
  readonly model: string;
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

/** Asks the browser. Waits for an adapter, which can take a second. */
export async function facts(): Promise<Facts> {
  const { gpu, userAgent } = navigator;
  const hints = (navigator as { userAgentData?: { getHighEntropyValues(keys: string[]): Promise<{ model?: string }> } })
    .userAgentData;
  const { model = "" } = await hints?.getHighEntropyValues(["model"]).catch(() => ({ model: "" })) ?? {};
  return {
    userAgent,
    model,
    secure: globalThis.isSecureContext,
    href: location.href,
    api: gpu !== undefined,
    adapter: await gpu?.requestAdapter().catch(() => null) != null,
  };
}

/** Undefined where WebGPU works. */
export function diagnose(known: Facts): Diagnosis | undefined {
  if (known.adapter) return undefined;
  const browser = browserOf(known.userAgent);
  const who = `${browser.name}${browser.version > 0 ? ` ${browser.version}` : ""}`;
  if (!known.secure) return insecure(known.href);
  if (known.api) return noAdapter(browser, who);
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

function noAdapter({ name, system }: Browser, who: string): Diagnosis {
  const chromium = name !== "Firefox" && name !== "Safari";
  return {
    headline: `${who} has WebGPU, but no GPU that it would use with it.`,
    remedies: [
      ...chromium
        ? [
          "look at chrome://gpu: “WebGPU” says why (a blocked driver, or hardware acceleration switched off in the settings)",
        ]
        : [],
      ...chromium && system === "Linux"
        ? ["on Linux: chrome://flags/#enable-unsafe-webgpu and chrome://flags/#enable-vulkan"]
        : [],
      ...name === "Firefox" ? ["look at about:support, section Graphics: it says why"] : [],
      "update the system: the GPU's driver comes with it",
    ],
  };
}

function noApi({ name, version, system, systemVersion, embedded }: Browser, who: string): Diagnosis {
  if (embedded) {
    return {
      headline: "The page is open inside of another app, whose browser has no WebGPU.",
      remedies: ["open it in the phone's own browser: Chrome on Android, Safari on an iPhone"],
    };
  }
  if (system === "iOS") {
    // All browsers there are Safari's engine.
    return systemVersion < SAFARI
      ? {
        headline: `iOS ${systemVersion || "before 26"} has no WebGPU in any browser.`,
        remedies: [
          `update to iOS ${SAFARI} or newer`,
          ...systemVersion >= 17 ? ["or switch it on: Settings, Apps, Safari, Advanced, Feature Flags, WebGPU"] : [],
        ],
      }
      : off(who, "Settings, Apps, Safari, Advanced, Feature Flags, WebGPU");
  }
  if (name === "Safari") {
    return version < SAFARI ? old(who, `Safari ${SAFARI}`) : off(who, "Develop, Feature Flags, WebGPU");
  }
  if (name === "Firefox") {
    const least = FIREFOX[system as keyof typeof FIREFOX];
    if (least === undefined) {
      return {
        headline: `Firefox on ${system} doesn't have WebGPU switched on.`,
        remedies: [
          "set dom.webgpu.enabled to true in about:config (Firefox Nightly)",
          "or take a browser made of Chromium",
        ],
      };
    }
    return version < least ? old(who, `Firefox ${least}`) : off(who, "about:config, dom.webgpu.enabled");
  }
  if (name === "Samsung Internet") return old(who, `Samsung Internet ${SAMSUNG}`);
  const least = system === "Android" ? CHROME.Android : system === "Linux" ? CHROME.Linux : CHROME.other;
  if (name !== "this browser" && version >= least) return off(who, "chrome://flags/#enable-unsafe-webgpu");
  if (name !== "this browser" && system === "Linux" && version >= CHROME.other) {
    return off(who, "chrome://flags/#enable-unsafe-webgpu and chrome://flags/#enable-vulkan");
  }
  return old(who, `Chrome ${least}`);
}

function old(who: string, least: string): Diagnosis {
  return { headline: `${who} is too old for WebGPU.`, remedies: [`update it to ${least} or newer`] };
}

function off(who: string, where: string): Diagnosis {
  return { headline: `${who} has WebGPU, and it is switched off.`, remedies: [`switch it on: ${where}`] };
}

/** By the marks that browsers leave in their user agents, the most particular first. */
export function browserOf(userAgent: string): Browser {
  const number = (pattern: RegExp) => Number(pattern.exec(userAgent)?.[1] ?? 0);
  const ios = /iPhone|iPad|iPod/.test(userAgent);
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
  const systemVersion = ios ? Math.max(number(/OS (\d+)_/), number(/Version\/(\d+)/)) : 0;
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
