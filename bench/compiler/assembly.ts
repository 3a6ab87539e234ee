/**
 * Reads a kernel's assembly as Mesa's AMD compiler prints it: what its hot loop does. The hot loop is the innermost one
 * with the most multiply-adds. Pure.
 */

/** Instructions of a stretch of code, by what does them. */
export interface InstructionCounts {
  readonly multiplyAdds: number;
  /** Vector arithmetic beside the multiply-adds. */
  readonly vector: number;
  readonly scalar: number;
  /** Loads and stores of memory by lanes, of memory by whole waves, and of workgroup memory. */
  readonly memory: number;
  readonly scalarLoads: number;
  readonly workgroupMemory: number;
  readonly barriers: number;
  /** Bytes that a lane moves from and to memory and workgroup memory. */
  readonly bytes: number;
}

export interface HotLoop extends InstructionCounts {
  /** Its lines. */
  readonly text: string;
}

interface Line {
  readonly text: string;
  /** Empty for a label. */
  readonly opcode: string;
  /** The same instruction follows so many times more. */
  readonly repeats: number;
}

/** @returns undefined where no loop multiplies and adds */
export function hotLoopOf(assembly: string): HotLoop | undefined {
  const lines: Line[] = [];
  const labels = new Map<string, number>();
  const loops: { from: number; to: number }[] = [];
  for (const text of assembly.split("\n")) {
    const label = /^(BB\d+):/.exec(text)?.[1];
    const repeated = /\(then repeated (\d+) times\)/.exec(text)?.[1];
    const [opcode = "", target] = text.replace(/;.*/, "").trim().split(/\s+/);
    if (label !== undefined) {
      labels.set(label, lines.length);
      lines.push({ text, opcode: "", repeats: 0 });
    } else if (repeated !== undefined) {
      lines.push({ text, opcode: lines[lines.length - 1].opcode, repeats: Number(repeated) - 1 });
    } else if (opcode !== "") {
      const back = /^s_c?branch/.test(opcode) ? labels.get(target) : undefined;
      if (back !== undefined) loops.push({ from: back, to: lines.length });
      lines.push({ text, opcode, repeats: 0 });
    }
  }
  const counted = loops.map((loop) => ({ ...loop, ...countInstructions(lines.slice(loop.from, loop.to + 1)) }))
    .filter(({ multiplyAdds }) => multiplyAdds > 0);
  const innermost = counted.filter((outer) =>
    !counted.some((inner) =>
      inner !== outer && inner.from >= outer.from && inner.to <= outer.to &&
      inner.to - inner.from < outer.to - outer.from
    )
  );
  const [hot] = innermost.sort((a, b) => b.multiplyAdds - a.multiplyAdds);
  if (!hot) return undefined;
  const { from, to, ...counts } = hot;
  return { ...counts, text: lines.slice(from, to + 1).map(({ text }) => text).join("\n") };
}

function countInstructions(lines: readonly Line[]): InstructionCounts {
  const counts = {
    multiplyAdds: 0,
    vector: 0,
    scalar: 0,
    memory: 0,
    scalarLoads: 0,
    workgroupMemory: 0,
    barriers: 0,
    bytes: 0,
  };
  for (const { opcode, repeats } of lines) {
    const times = 1 + repeats;
    const kind = kindOf(opcode);
    if (!kind) continue;
    counts[kind] += times;
    if (kind === "memory" || kind === "workgroupMemory") counts.bytes += times * bytesOf(opcode);
  }
  return counts;
}

/** Nothing for labels, waits and hints. */
function kindOf(opcode: string): Exclude<keyof InstructionCounts, "bytes"> | undefined {
  if (/^v_.*(fma|fmac|mad|mac|fmaak|fmamk|dot2\w*)_?(mix\w*_)?f(16|32)/.test(opcode)) return "multiplyAdds";
  if (opcode.startsWith("v_")) return "vector";
  if (/^(buffer|global|flat|scratch|image|tbuffer)_/.test(opcode)) return "memory";
  if (opcode.startsWith("ds_")) return "workgroupMemory";
  if (/^s_(buffer_)?load/.test(opcode)) return "scalarLoads";
  if (opcode === "s_barrier") return "barriers";
  return /^s_(?!waitcnt|clause|nop|delay|code_end|endpgm|inst_prefetch)/.test(opcode) ? "scalar" : undefined;
}

const WIDTHS: readonly (readonly [RegExp, number])[] = [
  [/(dwordx4|b128|_xyzw)\b/, 16],
  [/(dwordx3|b96|_xyz)\b/, 12],
  [/(dwordx2|b64)\b/, 8],
  [/(ubyte|sbyte|_u8|_i8|byte|_b8)\b/, 1],
  [/(ushort|sshort|_u16|_i16|short|_b16|d16)/, 2],
];

function bytesOf(opcode: string): number {
  const each = WIDTHS.find(([pattern]) => pattern.test(opcode))?.[1] ?? 4;
  return /^ds_(read2|write2|load_2|store_2)/.test(opcode) ? 2 * each : each;
}
