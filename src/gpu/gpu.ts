/**
 * The device has pooled buffers, compiled programs and recorded dispatches, and reads back.
 *
 * Everything but reading is synchronous and only records. Dispatches gather in one compute pass and are submitted every
 * `SUBMIT_EVERY` or when something is read. Their uniforms gather on the host, one slot each, and are written to the
 * device once before the submit (a slot rewritten while recording would change earlier dispatches, because
 * `queue.writeBuffer` runs before the submit that follows it).
 */
import "../disposable.ts";
import { type AdapterInfo, adapterName, type OpenDevice, openDevice } from "./adapter.ts";
import { BindGroupCache } from "./bindgroups.ts";
import { BufferPool, type BufferStats, type GpuBuffer, type Slice } from "./buffers.ts";
import { checkPlan, SLOT_BYTES } from "./check_plan.ts";
import type { Timing } from "./clock.ts";
import { collectSoon, giveFreedMemoryBack } from "./collector.ts";
import { DispatchClock } from "./dispatch_clock.ts";
import { type DispatchTime, DispatchWatch } from "./dispatch_watch.ts";
import { DeviceLimitError, GpuError } from "./errors.ts";
import { Failures } from "./failures.ts";
import { type AvoidablePart, type Avoided, avoidedLine } from "./known_faults.ts";
import { type Pipeline, PipelineCache } from "./pipelines.ts";
import { checkedOptions, type GpuOptions } from "./gpu_options.ts";
import { planForBindings } from "./half_storage.ts";
import { Recording } from "./recording.ts";
import { StagingPool } from "./staging.ts";
import { Stopwatch, type TimedDevice } from "./stopwatch.ts";
import { Trace } from "./trace.ts";
import type { Plan } from "./types.ts";

export type { GpuBuffer, Slice } from "./buffers.ts";
export type { Timing } from "./clock.ts";
export type { DispatchTime } from "./dispatch_watch.ts";
export type { GpuOptions } from "./gpu_options.ts";

const SUBMIT_EVERY = 64;

/** Says what a device has done so far, and how its memory is used. */
export interface GpuStats extends BufferStats {
  /** So many were recorded since it was opened. */
  readonly dispatches: number;
  /** So many were submitted since it was opened. */
  readonly submits: number;
  /** So many were compiled since it was opened. */
  readonly pipelines: number;
}

/** This is an open device. Everything but reading is synchronous and only records; errors come at the next wait. */
export class Gpu {
  readonly #device: GPUDevice;
  readonly #pool: BufferPool;
  readonly #pipelines: PipelineCache;
  readonly #bindGroups: BindGroupCache;
  readonly #uniforms: GPUBuffer;
  readonly #recording: Recording;
  readonly #failures: Failures;
  readonly #staging: StagingPool;
  readonly #trace: Trace | undefined;
  #stored: GpuBuffer | undefined;
  readonly #bindingBytes: number;

  #fresh: { pipeline: Pipeline; what: string }[] = [];
  #dispatches = 0;
  #submits = 0;
  /** So many submits have been seen to be done. */
  #seenDone = 0;
  #closed = false;
  #dispatchClock: DispatchClock | undefined;
  #watch: DispatchWatch | undefined;
  readonly #stopwatch: Stopwatch;

  /** It was opened on this adapter. */
  readonly info: AdapterInfo;
  /** These faults of devices of its kind are known; unless it was told otherwise, it goes around them. */
  readonly knownFaults: readonly Avoided[];
  /** True where uniform slots are bound by dynamic offset. */
  readonly dynamicOffsets: boolean;
  /** False where shaders' workgroup memory lies in storage buffers: planners then prefer ways without. */
  readonly workgroupMemory: boolean;

  private constructor({ device, info, enable, faults }: OpenDevice, options: GpuOptions) {
    this.info = info;
    this.knownFaults = faults;
    const sound = (part: AvoidablePart) => faults.every((fault) => fault.part !== part);
    this.#device = device;
    const { debug: level = 0, onDebug: write = console.debug } = options;
    this.#trace = level > 0 ? new Trace(device, { level, write, slots: SUBMIT_EVERY }) : undefined;
    this.note(() => `device: ${adapterName(info)}, ${[...this.features].join(" ") || "no features"}`);
    if (faults.length > 0) this.note(() => avoidedLine(faults));
    this.dynamicOffsets = options.dynamicOffsets ?? sound("dynamic offsets");
    this.workgroupMemory = options.workgroupMemory ?? sound("workgroup memory");
    this.#bindingBytes = options.bindingBytes ?? Infinity;
    this.#pool = new BufferPool(device);
    this.#stopwatch = new Stopwatch(this.#timed());
    this.#pipelines = new PipelineCache(device, enable, {
      dynamicOffsets: this.dynamicOffsets,
      workgroupMemory: this.workgroupMemory,
    });
    this.#uniforms = device.createBuffer({
      label: "uniforms",
      size: SUBMIT_EVERY * SLOT_BYTES,
      usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    });
    this.#recording = new Recording(device, this.#uniforms, SUBMIT_EVERY);
    this.#bindGroups = new BindGroupCache(device, this.#uniforms, SLOT_BYTES);
    this.#staging = new StagingPool(device);
    this.#failures = new Failures(device);
  }

  /**
   * Opens the best adapter.
   * @throws NoAdapterError where there is none
   * @throws UserError for an unknown option, and where `debug` is no level
   */
  static async open(options: GpuOptions = {}): Promise<Gpu> {
    const checked = checkedOptions(options);
    giveFreedMemoryBack();
    return new Gpu(await openDevice(checked), checked);
  }

  /** Tells of a plan or a stage where `debug` is 1 or more; elsewhere `text` isn't called. */
  note(text: () => string): void {
    this.#trace?.note(text());
  }

  /**
   * Runs `work`. Where `debug` is 1 or more it is told when it begins and ends, what it took and what it dispatched.
   */
  async stage<T>(name: string, work: () => Promise<T>): Promise<T> {
    if (!this.#trace) return await work();
    this.#trace.note(`${name} begins`);
    const [start, dispatches, submits] = [performance.now(), this.#dispatches, this.#submits];
    try {
      return await work();
    } finally {
      const seconds = ((performance.now() - start) / 1000).toFixed(2);
      this.#trace.note(
        `${name}: ${this.#dispatches - dispatches} dispatches in ${this.#submits - submits} submits, ${seconds} s`,
      );
    }
  }

  /** Says what the device takes at most, in WebGPU's own names and units. */
  get limits(): GPUSupportedLimits {
    return this.#device.limits;
  }

  /**
   * Says how many bytes a dispatch may bind of a buffer at most: the device's limit, or what it was opened with if that
   * is less.
   */
  get bindingBytes(): number {
    return Math.min(this.limits.maxStorageBufferBindingSize, this.#bindingBytes);
  }

  /** Names the optional features that it was opened with, in WebGPU's own names. */
  get features(): ReadonlySet<string> {
    return this.#device.features as unknown as ReadonlySet<string>;
  }

  /** Gives a buffer of at least `bytes` bytes with undefined contents and one reference. */
  alloc(bytes: number, label = "buffer"): GpuBuffer {
    return this.#pool.take(bytes, label);
  }

  /** Writes host data before everything recorded from now on, and after everything recorded so far. */
  write(to: Slice, data: ArrayBufferView): void {
    if (data.byteLength > to.byteLength) {
      throw new GpuError(`writing ${data.byteLength} bytes into a slice of ${to.byteLength}`);
    }
    if (this.#recording.touches(to.buffer)) this.flush();
    this.#device.queue.writeBuffer(
      to.buffer.native,
      to.byteOffset,
      data.buffer as ArrayBuffer,
      data.byteOffset,
      data.byteLength,
    );
  }

  /** Records that the slice becomes zeros. */
  clear(slice: Slice): void {
    this.#recording.touch(slice.buffer);
    this.#outsidePass().clearBuffer(slice.buffer.native, slice.byteOffset, roundUp4(slice.byteLength));
  }

  /** Records a copy of as many bytes as both slices have. */
  copy(from: Slice, to: Slice): void {
    this.#recording.touch(from.buffer, to.buffer);
    const bytes = Math.min(from.byteLength, to.byteLength);
    this.#outsidePass().copyBufferToBuffer(
      from.buffer.native,
      from.byteOffset,
      to.buffer.native,
      to.byteOffset,
      roundUp4(bytes),
    );
  }

  /**
   * Records one dispatch, of a kernel for f16 where a buffer holds that. `label` (shapes, layer) appears in error messages
   * beside the kernel's name.
   */
  run(given: Plan, bindings: readonly Slice[], label = ""): void {
    this.#failures.refuse();
    const plan = planForBindings(given, bindings);
    const { program, uniforms, grid } = plan;
    const what = `kernel "${program.name}"${label && ` (${label})`}`;
    checkPlan(plan, bindings, what, this);
    if (this.#recording.full) this.flush();
    const pipeline = this.#pipelines.known(plan.program) ?? this.#compile(plan, what);
    if (pipeline.fresh) this.#fresh.push({ pipeline, what });
    const slot = this.#recording.takeSlot(uniforms);
    const offset = slot * SLOT_BYTES;
    const bound = pipeline.storedBytes > 0 ? [...bindings, this.#storedMemory(pipeline, plan, what)] : bindings;
    const group = this.#bindGroups.get(pipeline, bound, this.dynamicOffsets ? 0 : offset);
    const pass = this.#recording.insidePass((this.#watch?.clock ?? this.#trace?.clock)?.pass(slot));
    pass.setPipeline(pipeline.native);
    pass.setBindGroup(0, group, this.dynamicOffsets ? [offset] : []);
    pass.dispatchWorkgroups(grid[0], grid[1], grid[2]);
    for (const { buffer } of bound) this.#recording.touch(buffer);
    this.#trace?.dispatch(this.#dispatches, plan, bindings, label);
    this.#watch?.saw(plan, label);
    this.#dispatches++;
  }

  /** Submits what was recorded. */
  flush(): void {
    const recording = this.#recording;
    if (recording.empty) return;
    const encoder = recording.outsidePass();
    const tellTimes = this.#trace?.end(encoder, this.#staging);
    this.#watch?.end(encoder, this.#staging, recording.dispatches);
    const guarded = this.#trace?.guardsSubmits || this.#fresh.length > 0;
    if (guarded) this.#failures.beginScope();
    this.#device.queue.submit([recording.finish()]);
    if (guarded) this.#failures.endScope(this.#fresh.map((f) => f.what).join(", ") || "a submit");
    if (tellTimes) this.#failures.waitFor(tellTimes());
    for (const { pipeline } of this.#fresh) pipeline.fresh = false;
    this.#fresh = [];
    this.#submits++;
    this.#pool.trimSurplus();
  }

  /** Waits until the device has done all that was recorded. Throws what went wrong since the last wait. */
  async sync(): Promise<void> {
    this.flush();
    const submits = this.#submits;
    await this.#failures.orLost(this.#device.queue.onSubmittedWorkDone());
    this.#seenDone = submits;
    await this.#failures.settle();
  }

  /** Reads the slices in one wait (a wait costs ~10 ms in Deno however much it reads). */
  async readMany(slices: readonly Slice[]): Promise<ArrayBuffer[]> {
    this.#failures.refuse();
    const stagings = slices.map((slice) => this.#staging.take(slice.byteLength));
    slices.forEach((slice, i) => {
      this.#recording.touch(slice.buffer);
      this.#outsidePass().copyBufferToBuffer(
        slice.buffer.native,
        slice.byteOffset,
        stagings[i],
        0,
        roundUp4(slice.byteLength),
      );
    });
    return await this.#collect(stagings, slices.map(({ byteLength }) => byteLength));
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
  time(record: () => void): Promise<Timing> {
    return this.#stopwatch.time(record);
  }

  /**
   * Times several recordings, one after the other, in one wait where the device has a clock of its own (a wait costs ~10 ms
   * in Deno). What comes later in a row may find the device warmer than it would by itself.
   */
  timeEach(records: readonly (() => void)[]): Promise<Timing[]> {
    return this.#stopwatch.timeEach(records);
  }

  /**
   * Times each dispatch that `record` records by itself, in a compute pass of its own, so that the times may add up to
   * more than the whole takes without. Without timestamps the dispatches are given, and no times.
   */
  async timeDispatches(record: () => void): Promise<DispatchTime[]> {
    await this.sync();
    const clock = this.features.has("timestamp-query")
      ? this.#trace?.clock ?? (this.#dispatchClock ??= new DispatchClock(this.#device, SUBMIT_EVERY))
      : undefined;
    const watch = this.#watch = new DispatchWatch(clock);
    try {
      record();
      this.flush();
    } finally {
      this.#watch = undefined;
    }
    const times = await this.#failures.orLost(watch.times());
    await this.#failures.settle();
    return times;
  }

  /** Gives counts and memory as they are now. */
  stats(): GpuStats {
    return {
      ...this.#pool.stats(),
      dispatches: this.#dispatches,
      submits: this.#submits,
      pipelines: this.#pipelines.size,
    };
  }

  /** Submits what was recorded and frees all idle buffers: after something large that won't be done again. */
  trim(): void {
    this.flush();
    this.#pool.trim();
    this.#staging.trim();
    // wgpu frees a buffer that submitted work uses when somebody asks whether that work is done.
    this.#device.queue.onSubmittedWorkDone().catch(() => {});
  }

  /**
   * Frees the device's memory, also of tensors that are still held, and destroys the device as soon as what was
   * submitted is done. Work that was only recorded isn't done any more. Later calls throw DeviceLostError.
   */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#failures.close();
    this.#recording.drop();
    this.#fresh = [];
    this.#pool.close();
    this.#staging.close();
    this.#uniforms.destroy();
    this.#stopwatch.close();
    this.#dispatchClock?.close();
    this.#bindGroups.clear();
    this.#pipelines.clear();
    // A device that is destroyed while it works keeps its buffers until the garbage collector comes to it.
    destroyWhenDone(this.#device);
  }

  /** Does what `close` does, for `using gpu = await Gpu.open()`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Makes the device go away under whatever is running, as a driver reset would. It is for tests of that path. */
  loseDevice(): void {
    this.#device.destroy();
  }

  /** Gives what timing asks of this device. */
  #timed(): TimedDevice {
    return {
      native: this.#device,
      idle: () => this.#recording.empty && this.#seenDone === this.#submits,
      sync: () => this.sync(),
      outsidePass: () => this.#outsidePass(),
      staging: (bytes) => this.#staging.take(bytes),
      collect: (stagings, bytes) => this.#collect(stagings, bytes),
      openNothing: () => {
        const buffer = this.alloc(256, "clock");
        return {
          record: () => this.clear({ buffer, byteOffset: 0, byteLength: 256 }),
          release: () => buffer.release(),
        };
      },
    };
  }

  /** Gives what stands for the workgroup memory of one dispatch; dispatches run in order, so all share one buffer. */
  #storedMemory({ storedBytes }: Pipeline, { grid }: Plan, what: string): Slice {
    const byteLength = grid.reduce((product, n) => product * n, storedBytes);
    if (byteLength > this.bindingBytes) {
      throw new DeviceLimitError(
        `${what} keeps ${byteLength} bytes of workgroup memory in a buffer; this device binds at most ` +
          `${this.bindingBytes}: use a smaller batch or model`,
      );
    }
    if (!this.#stored || this.#stored.bytes < byteLength) {
      this.#stored?.release();
      this.#stored = this.alloc(byteLength, "workgroup memory");
    }
    return { buffer: this.#stored, byteOffset: 0, byteLength };
  }

  #compile(plan: Plan, what: string): Pipeline {
    this.#trace?.shader(plan.program);
    this.#failures.beginScope();
    try {
      return this.#pipelines.compile(plan.program);
    } finally {
      this.#failures.endScope(what);
    }
  }

  /** Submits what was recorded, and gives the first bytes of these buffers: when one is mapped, all work before is done. */
  async #collect(stagings: readonly GPUBuffer[], bytes: readonly number[]): Promise<ArrayBuffer[]> {
    this.flush();
    const submits = this.#submits;
    await this.#failures.mapped(Promise.all(stagings.map((staging) => staging.mapAsync(GPUMapMode.READ))));
    if (stagings.length > 0) this.#seenDone = submits;
    const results = stagings.map((staging, i) => this.#staging.collect(staging, bytes[i]));
    await this.#failures.settle();
    return results;
  }

  #outsidePass(): GPUCommandEncoder {
    this.#failures.refuse();
    return this.#recording.outsidePass();
  }
}

/** This is `Gpu.open`, or what stands in its place with other options, or for a test. */
export type OpenGpu = (options: GpuOptions) => Promise<Gpu>;

/** This is `Gpu.open` as a value. */
export const openGpu: OpenGpu = (options) => Gpu.open(options);

async function destroyWhenDone(device: GPUDevice): Promise<void> {
  await device.queue.onSubmittedWorkDone().catch(() => {});
  device.destroy();
  collectSoon();
}

function roundUp4(bytes: number): number {
  return Math.ceil(bytes / 4) * 4;
}
