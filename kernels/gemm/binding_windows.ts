/**
 * Plans products whose weight is larger than a binding may be: windows of its rows are bound one after another, each in
 * a product of its own. A forward pass makes some columns of the output per window, the data gradient adds the windows
 * up, and the weight gradient makes some rows of the output per window.
 */
import { type BindingWindow, ceilDiv, type Launch, type Step } from "../launch.ts";
import { planBlock } from "../shape/shape.ts";
import type { Tuning } from "../tuning.ts";
import type { GemmShape } from "./shape.ts";

/** Every WebGPU device binds so much. */
const BINDING_BYTES = 2 ** 27;

/** Kernels that pack an operand fill it up to whole tiles. */
const PADDED = 7 / 8;

/** So many rows of any length begin at a multiple of 256 bytes, and so does the bias of each. */
const ROWS = 64;
/** So many rows make whole tiles of every kernel. */
const TILE_ROWS = 256;

/**
 * Gives `plan(shape)`, or, where an operand doesn't fit into a binding, the products of its windows. Operands are named
 * as ever.
 *
 * @throws RangeError where not even 64 rows fit
 */
export function planInBindingWindows(shape: GemmShape, tuning: Tuning, plan: (part: GemmShape) => Launch): Launch {
  const limit = (tuning.bindingBytes ?? BINDING_BYTES) * PADDED;
  const { m, n, k, a, b, batch } = shape;
  if (batch) return plan(shape);
  const inner = (part: GemmShape) => planInBindingWindows(part, tuning, plan);
  if (4 * m * n > limit || (a === "k" && 4 * m * k > limit)) {
    return byOutputRows(shape, windowsOf(m, Math.max(n, a === "k" ? k : 0), limit), inner);
  }
  if (4 * n * k <= limit) return plan(shape);
  return b === "k"
    ? byOutputColumns(shape, windowsOf(n, k, limit), inner)
    : byProducts(shape, windowsOf(k, n, limit), inner);
}

/** These are `count` rows of a matrix, from `first` on. */
interface Rows {
  readonly first: number;
  readonly count: number;
}

/** Gives as few windows as fit, of about the same size. */
function windowsOf(rows: number, length: number, limit: number): Rows[] {
  const fitting = Math.floor(limit / (4 * length));
  const unit = fitting < TILE_ROWS ? ROWS : TILE_ROWS;
  const most = Math.floor(fitting / unit) * unit;
  if (most === 0) {
    throw new RangeError(`gemm: ${ROWS} rows of ${length} numbers don't fit into ${limit} bytes of a binding`);
  }
  const count = ceilDiv(ceilDiv(rows, ceilDiv(rows, most)), unit) * unit;
  return Array.from({ length: ceilDiv(rows, count) }, (_, i) => ({
    first: i * count,
    count: Math.min(count, rows - i * count),
  }));
}

/** The weight gradient y [m,n] is computed in windows of rows. */
function byOutputRows(shape: GemmShape, windows: readonly Rows[], plan: (part: GemmShape) => Launch): Launch {
  const { m, n, k, a } = shape;
  return joined(
    windows.map((rows) => {
      const bound: Record<string, Bound> = { y: rowsOf("y", rows, n), residual: rowsOf("residual", rows, n) };
      const columns = a === "rows" && k > 1 ? columnsOf("a", rows, k, m) : undefined;
      bound.a = columns?.bound ?? rowsOf("a", rows, a === "k" ? k : 1);
      return { launch: plan({ ...shape, m: rows.count }), bound, before: columns ? [columns.read] : [], after: [] };
    }),
    { "a columns": a === "rows" && k > 1 ? 4 * k * windows[0].count : 0 },
  );
}

/** The forward pass takes b [n,k] in windows of rows, each of which makes columns of y. */
function byOutputColumns(shape: GemmShape, windows: readonly Rows[], plan: (part: GemmShape) => Launch): Launch {
  const { m, n, k, residual } = shape;
  const apart = m > 1;
  return joined(
    windows.map((rows) => {
      const bound: Record<string, Bound> = { b: rowsOf("b", rows, k), bias: rowsOf("bias", rows, 1) };
      const added = residual === "add" && apart ? columnsOf("residual", rows, m, n) : undefined;
      const made = apart ? columnsOf("y", rows, m, n) : undefined;
      bound.residual = added?.bound ?? rowsOf("residual", rows, 1);
      bound.y = made?.bound ?? rowsOf("y", rows, 1);
      return {
        launch: plan({ ...shape, n: rows.count }),
        bound,
        before: added ? [added.read] : [],
        after: made ? [made.write] : [],
      };
    }),
    {
      "y columns": apart ? 4 * m * windows[0].count : 0,
      "residual columns": residual === "add" && apart ? 4 * m * windows[0].count : 0,
    },
  );
}

/** The data gradient takes b [k,n] in windows of rows, whose products are added up as residuals of one another. */
function byProducts(shape: GemmShape, windows: readonly Rows[], plan: (part: GemmShape) => Launch): Launch {
  const { m, n, k, a, activation } = shape;
  const apart = a === "k" && m > 1;
  const last = windows.length - 1;
  return joined(
    windows.map((rows, i) => {
      const columns = apart ? columnsOf("a", rows, m, k) : undefined;
      const sum = (window: number) => ({ name: `sum ${window % 2}` });
      const bound: Record<string, Bound> = {
        a: columns?.bound ?? rowsOf("a", rows, a === "k" ? 1 : m),
        b: rowsOf("b", rows, n),
      };
      if (i > 0) bound.residual = sum(i - 1);
      if (i < last) bound.y = sum(i);
      const part: GemmShape = {
        ...shape,
        k: rows.count,
        ...(i > 0 ? { bias: "none", residual: "add" } : {}),
        activation: i === last ? activation : "none",
      };
      return { launch: plan(part), bound, before: columns ? [columns.read] : [], after: [] };
    }),
    {
      "a columns": apart ? 4 * m * windows[0].count : 0,
      "sum 0": 4 * m * n,
      "sum 1": last > 1 ? 4 * m * n : 0,
    },
  );
}

/** Says what an operand of a part is among the buffers of the whole. */
interface Bound {
  readonly name: string;
  readonly window?: BindingWindow;
}

function rowsOf(name: string, { first, count }: Rows, length: number): Bound {
  return { name, window: { byteOffset: 4 * first * length, byteLength: 4 * count * length } };
}

/** Columns of an operand [rows, length] don't lie together: they go through a buffer of their own. */
function columnsOf(name: string, { first, count }: Rows, rows: number, length: number) {
  const [whole, own] = [{ stride: length, first }, { stride: count, first: 0 }];
  const scratch = `${name} columns`;
  return {
    bound: { name: scratch },
    read: { plan: planBlock(rows, count, whole, own), bindings: [name, scratch] },
    write: { plan: planBlock(rows, count, own, whole), bindings: [scratch, name] },
  };
}

interface Part {
  readonly launch: Launch;
  readonly bound: Readonly<Record<string, Bound>>;
  readonly before: readonly Step[];
  readonly after: readonly Step[];
}

/** Runs the parts one after another. They use the same scratch, but for what `prepare` makes. */
function joined(parts: readonly Part[], scratch: Readonly<Record<string, number>>): Launch {
  const sizes: Record<string, number> = Object.fromEntries(Object.entries(scratch).filter(([, bytes]) => bytes > 0));
  const tables: Record<string, Uint32Array<ArrayBuffer>> = {};
  const prepare: Step[] = [];
  const steps: Step[] = [];
  parts.forEach(({ launch, bound, before, after }, i) => {
    const prepared = new Set((launch.prepare ?? []).flatMap(written));
    const rename = (name: string) => {
      if (name in launch.tables || prepared.has(name)) return `window ${i} ${name}`;
      return name in launch.scratch ? `window ${name}` : name;
    };
    const place = (step: Step): Step => {
      const windows: Record<number, BindingWindow> = {};
      const bindings = step.bindings.map((name, at) => {
        const { name: whole, window } = bound[name] ?? { name: rename(name) };
        const inside = step.windows?.[at];
        if (window && inside) {
          windows[at] = { byteOffset: window.byteOffset + inside.byteOffset, byteLength: inside.byteLength };
        } else if (window ?? inside) windows[at] = (window ?? inside)!;
        return whole;
      });
      return Object.keys(windows).length > 0 ? { plan: step.plan, bindings, windows } : { plan: step.plan, bindings };
    };
    for (const [name, bytes] of Object.entries(launch.scratch)) {
      sizes[rename(name)] = Math.max(bytes, sizes[rename(name)] ?? 0);
    }
    for (const [name, table] of Object.entries(launch.tables)) tables[rename(name)] = table;
    prepare.push(...(launch.prepare ?? []).map(place));
    steps.push(...before, ...launch.steps.map(place), ...after);
  });
  const errors = parts.flatMap(({ launch: { error } }) => error ?? []);
  return {
    steps,
    scratch: sizes,
    tables,
    ...(prepare.length > 0 ? { prepare } : {}),
    ...(errors.length > 0 ? { error: Math.max(...errors) } : {}),
  };
}

function written({ plan, bindings }: Step): string[] {
  return bindings.filter((_, i) => plan.program.access[i] === "read_write");
}
