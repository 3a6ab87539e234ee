/**
 * The device: pooled buffers, compiled programs, recorded dispatches, reading back.
 *
 * Everything but reading is synchronous and only records. Dispatches gather in one compute pass and are submitted every
 * `SUBMIT_EVERY` or when something is read. Their uniforms gather on the host, one slot each, and are written to the
 * device once before the submit (a slot rewritten while recording would change earlier dispatches, because
 * `queue.writeBuffer` runs before the submit that follows it).
 */
import { type AdapterInfo, openDevice, type OpenOptions } from "./adapter.ts";
import { BufferPool, type BufferStats, type GpuBuffer, type Slice } from "./buffers.ts";
import { DeviceLostError, GpuError } from "./errors.ts";
import { type Pipeline, PipelineCache } from "./pipelines.ts";
import type { Plan } from "./types.ts";

export type { GpuBuffer, Slice } from "./buffers.ts";

const SLOT_BYTES = 256;
const SUBMIT_EVERY = 64;
const BIND_GROUPS_KEPT = 4096;

export interface GpuOptions extends OpenOptions {
  /** Wrap every submit in an error scope (slower): an error then names the kernels of that submit. */
  readonly debug?: boolean;
  /** Bind uniform slots by dynamic offset (default). Some phones run only the first such dispatch right: then false. */
  readonly dynamicOffsets?: boolean;
}

export interface GpuStats extends BufferStats {
  readonly dispatches: number;
  readonly submits: number;
  readonly pipelines: number;
}

/** What a timed recording took. `quantumMs` is the smallest step that the clock can show. */
export interface Timing {
  readonly ms: number;
  readonly clock: "gpu timestamps" | "wall clock";
  readonly quantumMs: number;
}

/** Deno polls a pending map about every 10 ms, so a wall-clock time that ends in a read has that grain. */
const WALL_QUANTUM_MS = 10;

export class Gpu {
  readonly #device: GPUDevice;
  readonly #pool: BufferPool;
  readonly #pipelines: PipelineCache;
  readonly #bindGroups = new Map<string, GPUBindGroup>();
  readonly #uniforms: GPUBuffer;
  readonly #uniformWords = new Uint32Array(SUBMIT_EVERY * SLOT_BYTES / 4);
  readonly #staging = new Map<number, GPUBuffer[]>();
  readonly #debug: boolean;
  readonly #dynamicOffsets: boolean;
  readonly #lost: Promise<never>;

  #encoder: GPUCommandEncoder | undefined;
  #pass: GPUComputePassEncoder | undefined;
  #recorded = 0;
  #touched = new Set<GpuBuffer>();
  #fresh: { pipeline: Pipeline; what: string }[] = [];
  #failure: Error | undefined;
  #checks: Promise<void>[] = [];
  #dispatches = 0;
  #submits = 0;
  #closed = false;
  #timestamps: { set: GPUQuerySet; resolved: GPUBuffer } | undefined;

  private constructor(device: GPUDevice, readonly info: AdapterInfo, options: GpuOptions) {
    this.#device = device;
    this.#debug = options.debug ?? false;
    this.#dynamicOffsets = options.dynamicOffsets ?? true;
    this.#pool = new BufferPool(device);
    this.#pipelines = new PipelineCache(device, this.#dynamicOffsets);
    this.#uniforms = device.createBuffer({
      label: "uniforms",
      size: SUBMIT_EVERY * SLOT_BYTES,
      usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    });
    device.addEventListener("uncapturederror", (event) => {
      event.preventDefault();
      this.#failure ??= new GpuError((event as GPUUncapturedErrorEvent).error.message);
    });
    this.#lost = device.lost.then((info) => {
      const reason = this.#closed ? "it was closed" : info.message || info.reason || "no reason given";
      this.#failure = new DeviceLostError(
        `the GPU device was lost (${reason}): start again with --resume to go on from the last checkpoint`,
      );
      throw this.#failure;
    });
    this.#lost.catch(() => {});
  }

  /** Opens the best adapter. Throws NoAdapterError where there is none. */
  static async open(options: GpuOptions = {}): Promise<Gpu> {
    const { device, info } = await openDevice(options);
    return new Gpu(device, info, options);
  }

  get limits(): GPUSupportedLimits {
    return this.#device.limits;
  }

  get features(): ReadonlySet<string> {
    return this.#device.features as unknown as ReadonlySet<string>;
  }

  /** A buffer of at least `bytes` bytes with undefined contents and one reference. */
  alloc(bytes: number, label = "buffer"): GpuBuffer {
    return this.#pool.take(bytes, label);
  }

  /** Writes host data before everything recorded from now on, and after everything recorded so far. */
  write(to: Slice, data: ArrayBufferView): void {
    if (data.byteLength > to.byteLength) {
      throw new GpuError(`writing ${data.byteLength} bytes into a slice of ${to.byteLength}`);
    }
    if (this.#touched.has(to.buffer)) this.flush();
    this.#device.queue.writeBuffer(
      to.buffer.native,
      to.byteOffset,
      data.buffer as ArrayBuffer,
      data.byteOffset,
      data.byteLength,
    );
  }

  clear(slice: Slice): void {
    this.#touched.add(slice.buffer);
    this.#outsidePass().clearBuffer(slice.buffer.native, slice.byteOffset, roundUp4(slice.byteLength));
  }

  copy(from: Slice, to: Slice): void {
    this.#touched.add(from.buffer).add(to.buffer);
    const bytes = Math.min(from.byteLength, to.byteLength);
    this.#outsidePass().copyBufferToBuffer(
      from.buffer.native,
      from.byteOffset,
      to.buffer.native,
      to.byteOffset,
      roundUp4(bytes),
    );
  }

  /** Records one dispatch. `label` (shapes, layer) appears in error messages beside the kernel's name. */
  run(plan: Plan, bindings: readonly Slice[], label = ""): void {
    if (this.#failure) throw this.#failure;
    const { program, uniforms, grid } = plan;
    const what = `kernel "${program.name}"${label && ` (${label})`}`;
    this.#checkPlan(plan, bindings, what);
    if (this.#recorded === SUBMIT_EVERY) this.flush();
    const pipeline = this.#pipelines.known(plan.program) ?? this.#compile(plan, what);
    if (pipeline.fresh) this.#fresh.push({ pipeline, what });
    const slot = this.#recorded++;
    this.#uniformWords.set(uniforms, slot * SLOT_BYTES / 4);
    const pass = this.#insidePass();
    pass.setPipeline(pipeline.native);
    pass.setBindGroup(0, this.#bindGroup(pipeline, bindings, slot), this.#dynamicOffsets ? [slot * SLOT_BYTES] : []);
    pass.dispatchWorkgroups(grid[0], grid[1], grid[2]);
    for (const binding of bindings) this.#touched.add(binding.buffer);
    this.#dispatches++;
  }

  /** Submits what was recorded. */
  flush(): void {
    const encoder = this.#encoder;
    if (!encoder) return;
    this.#pass?.end();
    this.#pass = undefined;
    this.#encoder = undefined;
    if (this.#recorded > 0) {
      this.#device.queue.writeBuffer(this.#uniforms, 0, this.#uniformWords, 0, this.#recorded * SLOT_BYTES / 4);
    }
    const guarded = this.#debug || this.#fresh.length > 0;
    if (guarded) this.#device.pushErrorScope("validation");
    this.#device.queue.submit([encoder.finish()]);
    if (guarded) this.#checkScope(this.#fresh.map((f) => f.what).join(", ") || "a submit");
    for (const { pipeline } of this.#fresh) pipeline.fresh = false;
    this.#fresh = [];
    this.#recorded = 0;
    this.#touched = new Set();
    this.#submits++;
  }

  /** Waits until the device has done all that was recorded. Throws what went wrong since the last wait. */
  async sync(): Promise<void> {
    this.flush();
    await Promise.race([this.#device.queue.onSubmittedWorkDone(), this.#lost]);
    await this.#settle();
  }

  /** Reads the slices in one wait (a wait costs ~10 ms in Deno however much it reads). */
  async readMany(slices: readonly Slice[]): Promise<ArrayBuffer[]> {
    if (this.#failure) throw this.#failure;
    const stagings = slices.map((slice) => this.#takeStaging(roundUp4(slice.byteLength)));
    slices.forEach((slice, i) => {
      this.#touched.add(slice.buffer);
      this.#outsidePass().copyBufferToBuffer(
        slice.buffer.native,
        slice.byteOffset,
        stagings[i],
        0,
        roundUp4(slice.byteLength),
      );
    });
    this.flush();
    const mapped = Promise.all(stagings.map((s) => s.mapAsync(GPUMapMode.READ)));
    mapped.catch(() => {});
    try {
      await Promise.race([mapped, this.#lost]);
    } catch (error) {
      // A refused submit or a lost device makes the mapping fail first: report the cause, not the consequence.
      await Promise.race([this.#lost, new Promise((resolve) => setTimeout(resolve, 100))]);
      await this.#settle();
      throw error;
    }
    const results = slices.map((slice, i) => {
      const bytes = stagings[i].getMappedRange(0, roundUp4(slice.byteLength)).slice(0, slice.byteLength);
      stagings[i].unmap();
      this.#staging.get(stagings[i].size)!.push(stagings[i]);
      return bytes;
    });
    await this.#settle();
    return results;
  }

  /** Runs `fn` and releases whatever it passed to `track`, also when it throws. */
  scope<T>(fn: (track: <D extends Disposable>(resource: D) => D) => T): T {
    using stack = new DisposableStack();
    return fn((resource) => stack.use(resource));
  }

  /**
   * Times what `record` records, on the device's own clock where it has one, else on the wall clock with a final wait.
   * A recording of more than one submit is timed from its first to its last.
   */
  async time(record: () => void): Promise<Timing> {
    await this.sync();
    const start = performance.now();
    if (!this.features.has("timestamp-query")) {
      record();
      await this.sync();
      return { ms: performance.now() - start, clock: "wall clock", quantumMs: WALL_QUANTUM_MS };
    }
    const { set, resolved } = this.#timestamps ??= {
      set: this.#device.createQuerySet({ type: "timestamp", count: 2 }),
      resolved: this.#device.createBuffer({ size: 256, usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC }),
    };
    this.#outsidePass().beginComputePass({ timestampWrites: { querySet: set, beginningOfPassWriteIndex: 0 } }).end();
    record();
    const encoder = this.#outsidePass();
    encoder.beginComputePass({ timestampWrites: { querySet: set, endOfPassWriteIndex: 1 } }).end();
    encoder.resolveQuerySet(set, 0, 2, resolved, 0);
    const staging = this.#takeStaging(16);
    encoder.copyBufferToBuffer(resolved, 0, staging, 0, 16);
    this.flush();
    await Promise.race([staging.mapAsync(GPUMapMode.READ), this.#lost]);
    const wallMs = performance.now() - start;
    const [from, to] = new BigUint64Array(staging.getMappedRange(0, 16).slice(0));
    staging.unmap();
    this.#staging.get(staging.size)!.push(staging);
    await this.#settle();
    const ms = Number(to - from) / 1e6;
    // Some drivers give raw ticks or nothing: a time that is 0 or longer than the wall's cannot be in nanoseconds.
    const plausible = ms > 0 && ms <= wallMs * 1.02 + 0.1;
    return plausible
      ? { ms, clock: "gpu timestamps", quantumMs: timestampQuantumMs() }
      : { ms: wallMs, clock: "wall clock", quantumMs: WALL_QUANTUM_MS };
  }

  stats(): GpuStats {
    return {
      ...this.#pool.stats(),
      dispatches: this.#dispatches,
      submits: this.#submits,
      pipelines: this.#pipelines.size,
    };
  }

  /** Destroys the device. Later calls throw DeviceLostError. */
  close(): void {
    this.#closed = true;
    this.#encoder = undefined;
    this.#pass = undefined;
    this.#device.destroy();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** As a driver reset would: the device goes away under whatever is running. For tests of that path. */
  loseDevice(): void {
    this.#device.destroy();
  }

  #compile(plan: Plan, what: string): Pipeline {
    this.#device.pushErrorScope("validation");
    const pipeline = this.#pipelines.compile(plan.program);
    this.#checkScope(what);
    return pipeline;
  }

  #checkScope(what: string): void {
    this.#checks.push(
      this.#device.popErrorScope().then((error) => {
        if (error) this.#failure ??= new GpuError(`${what}: ${error.message}`);
      }, () => {}),
    );
  }

  async #settle(): Promise<void> {
    const checks = this.#checks;
    this.#checks = [];
    await Promise.all(checks);
    if (this.#failure) {
      const failure = this.#failure;
      if (!(failure instanceof DeviceLostError)) this.#failure = undefined;
      throw failure;
    }
  }

  #checkPlan({ program, uniforms, grid }: Plan, bindings: readonly Slice[], what: string): void {
    if (bindings.length !== program.access.length) {
      throw new GpuError(`${what} takes ${program.access.length} buffers, got ${bindings.length}`);
    }
    if (uniforms.length * 4 > SLOT_BYTES) {
      throw new GpuError(`${what} has ${uniforms.length * 4} bytes of uniforms; at most ${SLOT_BYTES} fit`);
    }
    const limit = this.limits.maxComputeWorkgroupsPerDimension;
    if (grid.some((n) => n > limit)) {
      throw new GpuError(`${what} wants a grid of ${grid.join("×")} workgroups; at most ${limit} per dimension`);
    }
    const widest = this.limits.maxStorageBufferBindingSize;
    for (const { byteLength } of bindings) {
      if (byteLength > widest) {
        throw new GpuError(
          `${what} binds ${byteLength} bytes; this device binds at most ${widest}: bind it in windows`,
        );
      }
    }
  }

  #bindGroup(pipeline: Pipeline, bindings: readonly Slice[], slot: number): GPUBindGroup {
    const uniformOffset = this.#dynamicOffsets ? 0 : slot * SLOT_BYTES;
    let key = `${pipeline.layoutKey}${uniformOffset}`;
    for (const b of bindings) key += `,${b.buffer.id}:${b.byteOffset}:${b.byteLength}`;
    let group = this.#bindGroups.get(key);
    if (group) {
      // Re-inserting keeps the map in order of last use.
      this.#bindGroups.delete(key);
    } else {
      group = this.#device.createBindGroup({
        layout: pipeline.layout,
        entries: [
          { binding: 0, resource: { buffer: this.#uniforms, offset: uniformOffset, size: SLOT_BYTES } },
          ...bindings.map((b, i) => ({
            binding: i + 1,
            resource: { buffer: b.buffer.native, offset: b.byteOffset, size: roundUp4(b.byteLength) },
          })),
        ],
      });
      if (this.#bindGroups.size >= BIND_GROUPS_KEPT) {
        this.#bindGroups.delete(this.#bindGroups.keys().next().value!);
      }
    }
    this.#bindGroups.set(key, group);
    return group;
  }

  #insidePass(): GPUComputePassEncoder {
    this.#encoder ??= this.#device.createCommandEncoder();
    return this.#pass ??= this.#encoder.beginComputePass();
  }

  #outsidePass(): GPUCommandEncoder {
    if (this.#failure) throw this.#failure;
    this.#pass?.end();
    this.#pass = undefined;
    return this.#encoder ??= this.#device.createCommandEncoder();
  }

  #takeStaging(bytes: number): GPUBuffer {
    const size = 2 ** Math.ceil(Math.log2(Math.max(256, bytes)));
    let free = this.#staging.get(size);
    if (!free) this.#staging.set(size, free = []);
    return free.pop() ??
      this.#device.createBuffer({ label: "staging", size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  }
}

/** Chrome rounds timestamps to 65,536 ns unless its developer features are on; native runtimes give nanoseconds. */
function timestampQuantumMs(): number {
  return "Deno" in globalThis ? 1e-6 : 0.065536;
}

function roundUp4(bytes: number): number {
  return Math.ceil(bytes / 4) * 4;
}
