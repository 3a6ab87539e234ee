/** What a device is called until its owner says otherwise: a file's name, made of what the browser tells. */

/** "Pixel 8" and "Chrome" -> "pixel-8-chrome". */
export function deviceName(userAgent: string, model = ""): string {
  const device = model || deviceOf(userAgent);
  const words = `${device} ${browserOf(userAgent)}`.toLowerCase().match(/[a-z0-9]+/g) ?? ["device"];
  return words.join("-").slice(0, 48);
}

/** As typed, made fit to be a file's name. */
export function cleanName(text: string): string {
  return text.trim().replace(/[^A-Za-z0-9.-]+/g, "-").replace(/^[^A-Za-z0-9]+/, "").slice(0, 64) || "device";
}

function deviceOf(userAgent: string): string {
  const android = /Android [^;)]*;\s*([^;)]+?)(?:\s+Build\/[^;)]*)?[;)]/.exec(userAgent)?.[1];
  // Chrome tells no more than "K".
  if (android && android !== "K") return android;
  const known = [/iPhone/, /iPad/, /Android/, /Macintosh/, /Windows/, /CrOS/, /Linux/].find((kind) =>
    kind.test(userAgent)
  );
  return known ? known.source.replace("Macintosh", "Mac") : "device";
}

function browserOf(userAgent: string): string {
  const known: readonly (readonly [RegExp, string])[] = [
    [/\bEdgA?\//, "Edge"],
    [/\bSamsungBrowser\//, "Samsung"],
    [/\bFirefox\/|\bFxiOS\//, "Firefox"],
    [/Chrome\/|\bCriOS\//, "Chrome"],
    [/\bSafari\//, "Safari"],
  ];
  return known.find(([pattern]) => pattern.test(userAgent))?.[1] ?? "browser";
}
