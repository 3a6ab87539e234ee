/** A graph drawn as a list: a row per node in order of execution, and beside it lanes in which values run to their readers. */

export interface Step {
  readonly inputs: readonly string[];
  readonly output: string;
}

export interface LaneRow {
  /** The lane of the node's dot. */
  readonly lane: number;
  /** Lanes from the row above that end in the dot. */
  readonly from: readonly number[];
  /** Lanes that pass by. */
  readonly past: readonly number[];
  /** Does its output go on? */
  readonly goesOn: boolean;
}

/** Every value keeps its lane from its node (or, of an input, from the first row) to its last reader. */
export function laneRows(inputs: readonly string[], steps: readonly Step[]): LaneRow[] {
  const last = new Map<string, number>();
  steps.forEach((step, i) => step.inputs.forEach((name) => last.set(name, i)));
  const lanes: (string | undefined)[] = inputs.filter((name) => last.has(name));
  return steps.map(({ inputs, output }, i) => {
    const from = [...new Set(inputs.map((name) => lanes.indexOf(name)).filter((lane) => lane >= 0))];
    from.sort((a, b) => a - b);
    const before = [...lanes];
    for (const lane of from) if (last.get(lanes[lane]!) === i) lanes[lane] = undefined;
    // Straight on where the lane of an input is free now, else in the lowest free one.
    const straight = from.find((lane) => lanes[lane] === undefined);
    const free = lanes.indexOf(undefined);
    const lane = straight ?? (free < 0 ? lanes.length : free);
    const past = before.flatMap((value, lane) => value !== undefined && lanes[lane] === value ? [lane] : []);
    const goesOn = last.has(output);
    if (goesOn) lanes[lane] = output;
    while (lanes.length > 0 && lanes[lanes.length - 1] === undefined) lanes.pop();
    return { lane, from, past, goesOn };
  });
}
