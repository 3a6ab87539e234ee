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
