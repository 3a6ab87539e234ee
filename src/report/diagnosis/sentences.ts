/** What a diagnosis says, in sentences: each rests on a measured number, or says what couldn't be told. It is pure. */
import type { BatchDiagnosis, Diagnosis, NetworkDiagnosis, StepDiagnosis } from "../../doctor/diagnose.ts";
import type { NextToPrune } from "../../doctor/next_to_prune.ts";
import type { GapCause, SpeedupGap } from "../../doctor/speedup_gap.ts";
import type { Bound } from "../../doctor/step_time.ts";
import type { NextPruning, StayedGroups, WidthTimes } from "../../doctor/types.ts";
import { isTold, type WidthFinding } from "../../doctor/width_steps.ts";
import type { StayReason } from "../../prune/explain.ts";
import { count, milliseconds, percent, plain, times } from "../format.ts";

/** Sentences that belong together. */
export interface Part {
  readonly title: string;
  readonly sentences: readonly string[];
}

/** All parts that have something to say, the reasons first. */
export function partsOf(diagnosis: Diagnosis): Part[] {
  const { batches, widths, next, stayed, checkup } = diagnosis;
  const largest = Math.max(...batches.map(({ batch }) => batch));
  const parts: Part[] = [
    ...batches.map((batch) => batchPart(batch, largest)),
    { title: "Launches", sentences: launchSentences(diagnosis) },
    { title: "Other widths", sentences: widths.flatMap(widthSentences) },
    { title: "What to prune next", sentences: nextSentences(next, checkup.losses) },
    { title: "Why what is left is left", sentences: stayed.flatMap(stayedSentences) },
    { title: "What can't be told", sentences: untold(diagnosis) },
  ];
  return parts.filter(({ sentences }) => sentences.length > 0);
}

/** The steps that take most time, which are told one by one. */
const STEPS = 3;
/** A cause that is a smaller part of the gap isn't told. */
const SMALL_CAUSE = 0.1;

function batchPart(found: BatchDiagnosis, largest: number): Part {
  const { batch, gap, now, unpruned, dense } = found;
  const speed = gap && dense
    ? [
      `The network takes ${ms(now.wholeMs)}, the dense one ${ms(dense.wholeMs)}: ${compared(gap.speedup)}, with ${
        compared(gap.macRatio, ["fewer multiply-adds", "as many multiply-adds", "more multiply-adds"])
      }.`,
      ...gapSentences(gap, found),
    ]
    : [
      `The network takes ${ms(now.wholeMs)}.` +
      (unpruned && dense ? " Nothing was pruned: its steps do what the dense network's do." : ""),
    ];
  const slowest = now.steps.toSorted((a, b) => b.step.ms - a.step.ms).slice(0, STEPS);
  return {
    title: `Batch ${count(batch)}`,
    sentences: [...speed, boundSentence(now), ...slowest.map((step) => stepSentence(step, now, batch, largest))],
  };
}

const CAUSES: Readonly<Record<GapCause, (found: BatchDiagnosis) => string>> = {
  launches: ({ now, dense, launchMs }) =>
    `launches: ${dispatches(now.dispatches)} of ${ms(launchMs)} each, where the dense network has ${
      count(dense!.dispatches)
    }`,
  idle: () => "threads that are too few to fill the device, more so than before",
  other: () => "operators without multiply-adds, which have become less small",
  rate: () => "layers that do fewer multiply-adds in a ms than before",
  place: () => "multiply-adds that were taken where they took less time than elsewhere",
  between: ({ now, dense }) =>
    `what whole runs take beyond their steps, which add up to ${apart(now)} here and to ${
      apart(dense!)
    } in the dense network`,
};

/** How far the sum of a network's steps is from its whole runs. */
function apart({ wholeMs, stepsMs }: NetworkDiagnosis): string {
  return `${ms(Math.abs(wholeMs - stepsMs))} ${wholeMs >= stepsMs ? "less" : "more"}`;
}

function gapSentences({ macRatio, promisedMs, gapMs, causes }: SpeedupGap, found: BatchDiagnosis): string[] {
  if (macRatio <= 1) return [];
  if (gapMs <= 0) return [`That is no slower than the multiply-adds promise: ${ms(promisedMs)}.`];
  const told = (Object.entries(causes) as [GapCause, number][])
    .filter(([, amount]) => amount >= SMALL_CAUSE * gapMs)
    .sort((a, b) => b[1] - a[1])
    .map(([cause, amount]) => `${ms(amount)} are ${CAUSES[cause](found)}`);
  const against = Object.values(causes).filter((amount) => amount < 0).reduce((sum, amount) => sum + amount, 0);
  const other = -against >= SMALL_CAUSE * gapMs ? `; what went better than promised makes up for ${ms(-against)}` : "";
  return [
    `By its multiply-adds alone it would take ${ms(promisedMs)}. Of the ${ms(gapMs)} beyond that ${
      told.join("; ")
    }${other}.`,
  ];
}

const BOUNDS: Readonly<Record<Exclude<Bound, "unknown">, string>> = {
  launches: "launches",
  threads: "too few threads to fill the device",
  arithmetic: "arithmetic",
  memory: "memory",
};

function boundSentence({ by, ofTime, stepsMs }: NetworkDiagnosis): string {
  const share = `${percent(ofTime, 0)} of its steps' ${ms(stepsMs)}`;
  if (by === "unknown") {
    return `What bounds it can't be told: ${share} are neither launches, nor an idle device, nor near a roof.`;
  }
  return `What bounds it is ${BOUNDS[by]}: ${share}.`;
}

function stepSentence(found: StepDiagnosis, { stepsMs }: NetworkDiagnosis, batch: number, largest: number): string {
  const { step, parts } = found;
  const head = `${step.name} takes ${ms(step.ms)}, ${percent(step.ms / stepsMs, 0)} of all steps`;
  const reasons: Readonly<Record<Bound, () => string>> = {
    launches: () => `${ms(parts.launches)} of it are ${dispatches(step.dispatches.length)}`,
    threads: () =>
      `${ms(parts.idle)} of it are more than ${
        batch === 1 ? "an image takes" : `${count(batch)} images take`
      } within a batch of ${count(largest)}: ${workgroups(found)} fill the device`,
    arithmetic: () =>
      `it reaches ${percent(found.roof!.share, 0)} of the arithmetic that was seen here${
        found.roof!.share > 1 ? ", more than all of it: the roof was disturbed" : ""
      }`,
    memory: () =>
      `it reaches ${percent(found.roof!.share, 0)} of the memory's speed that was seen here${
        found.roof!.share > 1 ? ", more than all of it: caches helped, or the roof was disturbed" : ""
      }`,
    unknown: () =>
      found.roof
        ? `what bounds it can't be told: it reaches ${
          percent(found.roof.share, 0)
        } of the nearer roof, which is ${found.roof.by}`
        : "what bounds it can't be told without roofs",
  };
  return `${head}: ${reasons[found.by]()}.`;
}

/** Of the dispatch that takes longest, or the last where none is timed. */
function workgroups({ step: { dispatches } }: StepDiagnosis): string {
  const { workgroups } = dispatches.reduce((longest, next) => (next.ms ?? 0) >= (longest.ms ?? 0) ? next : longest);
  if (workgroups === undefined) return "too few threads to";
  return workgroups === 1 ? "1 workgroup doesn't" : `${count(workgroups)} workgroups don't`;
}

function launchSentences({ batches, checkup }: Diagnosis): string[] {
  const each = batches.map(({ batch, launchMs, now }) =>
    `at batch ${count(batch)} one takes ${ms(launchMs)}, and the network's ${dispatches(now.dispatches)} ${
      ms(now.parts.launches)
    }, ${percent(now.stepsMs > 0 ? now.parts.launches / now.stepsMs : 0, 0)} of its steps`
  );
  if (each.length === 0) return [];
  return [`On ${checkup.adapter}, where dispatches that do nothing were timed in a row: ${each.join("; ")}.`];
}

function widthSentences({ name, layers, batch, groups, ms: nowMs, faster, free, step }: WidthFinding): string[] {
  const what = `${name}${layers.length > 1 ? ` and ${count(layers.length - 1)} coupled` : ""}`;
  const now = `At batch ${count(batch)} ${what} with ${groupsOf(groups)}, and what reads them, take ${ms(nowMs)}`;
  return [
    ...step
      ? [
        `${now}; with ${count(step.groups)} they take ${ms(nowMs + step.changeMs)}: ${
          groups - step.groups === 1 ? "one group" : `${count(groups - step.groups)} groups`
        } of ${count(groups)} less for ${percent(-step.changeMs / nowMs, 0)} of the time.`,
      ]
      : [],
    ...faster
      ? [
        `${now}; with ${count(faster.groups)} they take ${ms(nowMs + faster.changeMs)}: wider is faster for nothing.`,
      ]
      : [],
    ...free ? [`${now}; ${count(free.groups)} cost nothing more, ${ms(nowMs + free.changeMs)}.`] : [],
  ];
}

function nextSentences(next: readonly NextToPrune[] | undefined, losses: Diagnosis["checkup"]["losses"]): string[] {
  if (!next || !losses) return [];
  if (next.length === 0) return ["Of the widths that were measured none below the present one takes less time."];
  const seen = `${count(losses.images)} images`;
  const best = [...Map.groupBy(next, ({ batch }) => batch).values()].flatMap((list) => list.slice(0, STEPS));
  return best.map(({ name, from, to, savedMs, lost, msPerPoint, batch }) => {
    const accuracy = lost > 0
      ? `${pointsOf(lost)} of accuracy on ${seen}, without training`
      : `no accuracy on ${seen}, where one is ${pointsOf(1 / losses.images)}`;
    return `${name} from ${count(from)} to ${groupsOf(to)} saves ${ms(savedMs)} at batch ${
      count(batch)
    } and loses ${accuracy}: ${milliseconds(msPerPoint)} ms for a point${lost > 0 ? "" : " or more"}.`;
  });
}

type Stay = (next: NextPruning, groups: number, lowest: number | undefined) => string;

/** What so many groups of a layer do, or are, that stay. */
const STAY: Readonly<Record<StayReason, Stay>> = {
  rule: (_, n) => `${are(n)} the highest of ${n === 1 ? "its run" : "their runs"}`,
  keep: (_, n) => `${are(n)} asked for`,
  protected: (_, n) => `${are(n)} kept in any case`,
  "saves nothing": () => "would save no multiply-adds",
  within: () => "may stay, for nothing has to go",
  worth: ({ threshold }, n, lowest) =>
    lowest === undefined || threshold === undefined
      ? `${are(n)} worth more than what goes`
      : `${are(n)} worth ${plain(lowest)}${n === 1 ? "" : " or more"}, against a threshold of ${plain(threshold)}`,
  swapped: (_, n) => `${n === 1 ? "fits" : "fit"} into what dearer ones leave over by going`,
  dear: (_, n) => `${are(n)} too dear for what the budget leaves over`,
};

function are(n: number): string {
  return n === 1 ? "is" : "are";
}

function stayedSentences({ name, layers, before, now, asked, blocked, next }: StayedGroups): string[] {
  const what = `${name}${layers.length > 1 ? ` and ${count(layers.length - 1)} coupled` : ""}`;
  const left = before !== undefined && before !== now ? `${count(now)} of ${groupsOf(before)}` : groupsOf(now);
  const head = `${what}: ${left} left${asked === undefined ? "" : ` (${asked})`}`;
  if (blocked !== undefined) return [`${head}, and none can go: ${blocked}.`];
  if (!next) return [`${head}.`];
  const { target, criterion, rule, go, reasons } = next;
  const stay = reasons.map(({ reason, groups, lowest }) => `${count(groups)} ${STAY[reason](next, groups, lowest)}`);
  const gone = go > 0 ? `${count(go)} would go` : "none would go";
  return [
    `${head}. Pruned on to ${target} by ${criterion} and the rule ${rule}, ${[gone, ...stay].join("; ")}.`,
  ];
}

/** Whole runs that scatter by more than this part of their time were disturbed. */
const DISTURBED = 0.1;

/** Steps that add up to so many times a whole run, or it to so many times them, say little of its parts. */
const FAR = 1.3;

function untold({ checkup, batches: found }: Diagnosis): string[] {
  const { roof, batches, widthsLeftOut, widths, noLosses, noNext } = checkup;
  const timed = batches.every(({ now }) =>
    now.steps.every(({ dispatches }) => dispatches.every(({ ms }) => ms !== undefined))
  );
  return [
    ...roof ? [] : ["Roofs weren't measured: whether work is bound by arithmetic or by memory can't be told."],
    ...batches.length > 1 ? [] : ["One batch size was measured: whether threads fill the device can't be told."],
    ...batches.some(({ dense }) => dense) ? [] : ["No dense network is known: there is no speed-up to explain."],
    ...timed ? [] : ["This device's clock tells no single dispatch: times are of whole steps, each repeated alone."],
    ...batches.flatMap(({ batch, now: { wholeMs, madMs } }) =>
      madMs > DISTURBED * wholeMs
        ? [
          `Whole runs at batch ${count(batch)} scatter by ${
            percent(madMs / wholeMs, 0)
          }: something else was at work, and even the least times may be too long.`,
        ]
        : []
    ),
    ...found.flatMap(({ batch, now: { stepsMs, wholeMs } }) =>
      stepsMs > FAR * wholeMs || wholeMs > FAR * stepsMs
        ? [
          `The steps at batch ${count(batch)} add up to ${ms(stepsMs)}, and whole runs take ${
            ms(wholeMs)
          }: what is said of parts may be off by as much.`,
        ]
        : []
    ),
    ...found.flatMap(({ batch, launchMs, now: { dispatches: n, parts } }) =>
      n * launchMs > FAR * parts.launches
        ? [
          `At batch ${count(batch)} ${dispatches(n)} that do nothing would take ${
            ms(n * launchMs)
          }, and the steps have room for ` +
          `${ms(parts.launches)}: a launch was timed too long, and what is said of launches may be too much.`,
        ]
        : []
    ),
    ...scattered(widths),
    ...widthsLeftOut.map((text) => `${text}.`),
    ...noLosses === undefined ? [] : [`What pruning on would cost in accuracy can't be told: ${noLosses}.`],
    ...noNext === undefined ? [] : [`What pruning on would take can't be told: ${noNext}.`],
    ...checkup.software
      ? ["The adapter is software: it says how this machine's processor does, and nothing of a GPU."]
      : [],
  ];
}

function scattered(widths: readonly WidthTimes[]): string[] {
  const names = widths.filter(({ groups, times }) => {
    const now = times.find((time) => time.groups === groups)!;
    return times.some((time) => !isTold(time, now));
  }).map(({ name, batch }) => `${name} at batch ${count(batch)}`);
  if (names.length === 0) return [];
  return [`Times at other widths scatter too much to call any of them the same: ${names.join(", ")}.`];
}

/** "1.24× faster", "as fast", or what else is compared. */
function compared(
  ratio: number,
  [better, equal, worse]: readonly [string, string, string] = ["faster", "as fast", "slower"],
): string {
  if (ratio === 1) return equal;
  return ratio > 1 ? `${times(ratio)} ${better}` : `${times(1 / ratio)} ${worse}`;
}

function ms(value: number): string {
  return `${milliseconds(value)} ms`;
}

/** A fraction in points of a hundredth, of three digits. */
function pointsOf(fraction: number): string {
  return `${plain(Number((100 * fraction).toPrecision(3)))} points`;
}

function dispatches(n: number): string {
  return n === 1 ? "1 dispatch" : `${count(n)} dispatches`;
}

function groupsOf(n: number): string {
  return n === 1 ? "1 group" : `${count(n)} groups`;
}
