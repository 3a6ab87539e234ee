/** At most `most` in any span of `spanMs`; gives the wait in ms where there were so many, 0 where one more may come. */
export function createRate(most: number, spanMs: number, now: () => number = () => performance.now()): () => number {
  const times: number[] = [];
  return () => {
    const at = now();
    while (times.length > 0 && times[0] <= at - spanMs) times.shift();
    if (times.length >= most) return times[0] + spanMs - at;
    times.push(at);
    return 0;
  };
}

/** True for each key once in any span of `spanMs`, and for at most `mostKeys` of them at a time. */
export function createTurns(
  spanMs: number,
  mostKeys: number,
  now: () => number = () => performance.now(),
): (key: string) => boolean {
  const times = new Map<string, number>();
  return (key) => {
    const at = now();
    // The oldest come first: a map keeps the order in which keys were added.
    for (const [old, time] of times) {
      if (time > at - spanMs) break;
      times.delete(old);
    }
    if (times.has(key) || times.size >= mostKeys) return false;
    times.set(key, at);
    return true;
  };
}
