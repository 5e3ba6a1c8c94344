import { platform } from "#platform";
import { fail } from "../../core/errors.js";
import { sizeOf } from "../../core/shapes.js";
import { type Augment, augmentToJSON, checkAugment, layoutOf, mixes, partnerOf } from "../augment/augment.js";
import type { BatchSource, TableMemory } from "../batches.js";
import type { Dataset } from "../dataset.js";
import { Ring, type RingLayout, slotStates } from "./ring.js";
import { Variation } from "./variation.js";
import { LoaderWorkers } from "./workers.js";

export interface LoaderOptions {
  /** Examples of the largest batch. */
  readonly batchSize: number;
  readonly augment?: Augment;
  /** Decides, with the epoch and the example's number, how an example is varied. Default: 0. */
  readonly seed?: number;
  /** Threads that augment; 0 for none. Default: as many as pay, see {@link Loader}. */
  readonly workers?: number;
  /** Threads that train. Default: one for each processor. */
  readonly threads?: number;
  /** Batches that are prepared while one is trained on. Default: 2. */
  readonly ahead?: number;
}

/** Not more than this is prepared ahead of the batch that is wanted next: 64 MiB. */
const mostAheadBytes = 2 ** 26;

/** Examples that are read at once: files are on their way, and decoders have them in full size. */
const mostReads = 8;

/** Threads that augment, at most, where nobody says how many. */
const mostWorkers = 2;

/** Batches from one look at the time that augmentation takes to the next. */
const lookEvery = 32;

/** Part of the time that augmentation may take on the training thread. */
const mostShare = 0.5;

/** A slot's work: reading, then augmenting. */
interface Work {
  readonly count: number;
  done: boolean;
  failure: { readonly error: unknown } | undefined;
  /** Fulfilled when the work is done or has failed; undefined where it never had to wait. */
  ended: Promise<void> | undefined;
}

/**
 * Reads and augments the examples of the next batches while a step runs. Examples pass in chunks through a ring of fixed
 * size: memory is bounded by it, whatever the size of the data set, and nothing is read before there is place. Reading
 * happens in the main thread's idle time (decoders have threads of their own), augmentation in workers, which finish
 * chunks without the main thread. The bits depend on neither.
 *
 * Workers pay where processors are free. Where all of them train, a worker takes its time from a training thread, for
 * which the others wait: then the main thread augments between steps, until it turns out that this takes longer than the
 * steps.
 */
export class Loader implements BatchSource {
  readonly rows: number;
  readonly #ring: Ring;
  readonly #work: (Work | undefined)[];
  readonly #variation: Variation | undefined;
  /** Makes the workers, where there may be any. */
  readonly #make: (() => LoaderWorkers) | undefined;
  /** Those that were made, and those that are there and augment. */
  #hired: LoaderWorkers | undefined;
  #workers: LoaderWorkers | undefined;
  /** Milliseconds that augmentation took here in the last `#batches` batches, since the moment `#since`. */
  #spent = 0;
  #batches = 0;
  #since = 0;
  readonly #seed: number;
  readonly #reads = new Limit(mostReads);
  readonly #size: number;
  readonly #targetSize: number;
  #table: TableMemory = { inputs: new Uint8Array(0), targets: new Int32Array(0) };
  #order: Uint32Array = new Uint32Array(0);
  #epoch = 0;
  /** Examples handed out. */
  #position = 0;
  /** Chunks begun. */
  #begun = 0;
  #closed = false;

  constructor(
    readonly data: Dataset,
    { batchSize, augment, seed = 0, workers, threads = platform.cpuCount(), ahead = 2 }: LoaderOptions,
  ) {
    const layout = layoutOf(data);
    if (augment !== undefined) checkAugment(augment, layout, "augment");
    this.rows = Math.min(batchSize, data.length);
    this.#seed = seed;
    this.#size = sizeOf(data.shape);
    this.#targetSize = sizeOf(data.targetShape);
    const isVaried = augment !== undefined && augment.steps.length > 0;
    const free = Math.max(0, platform.cpuCount() - threads);
    const most = isVaried ? (workers ?? (mayWork() ? Math.min(mostWorkers, Math.max(1, free)) : 0)) : 0;
    const chunk = Math.ceil(this.rows / Math.max(1, most));
    const partners = augment !== undefined && mixes(augment);
    const one = Ring.bytes({ layout, chunk, partners, slots: 1 });
    const further = Math.min(Math.ceil((ahead * this.rows) / chunk), Math.floor(mostAheadBytes / one));
    const given: RingLayout = { layout, chunk, partners, slots: Math.ceil(this.rows / chunk) + 1 + further };
    const memory = most > 0 ? new SharedArrayBuffer(Ring.bytes(given)) : new ArrayBuffer(Ring.bytes(given));
    this.#ring = new Ring(given, memory);
    this.#work = new Array<Work | undefined>(given.slots).fill(undefined);
    if (augment === undefined) return;
    this.#variation = new Variation(augment, layout, seed);
    if (memory instanceof ArrayBuffer) return;
    this.#make = () => new LoaderWorkers(most, { augment: augmentToJSON(augment), seed, ring: given, memory });
    if (workers !== undefined) this.#hired = this.#workers = this.#make();
    else if (free > 0) this.#hire();
  }

  /**
   * Workers that nobody has asked for are a gain and no need: until they are there, and where they cannot be had, the main
   * thread augments.
   */
  #hire(): void {
    if (this.#make === undefined || this.#hired !== undefined) return;
    const hired = this.#make();
    this.#hired = hired;
    hired.ready.then(
      () => {
        this.#workers = hired;
      },
      () => hired.close(),
    );
  }

  /** Whether workers augment by now. */
  get hasWorkers(): boolean {
    return this.#workers !== undefined;
  }

  /** Bytes of all examples on their way. */
  get bytes(): number {
    return this.#ring.memory.byteLength;
  }

  begin(table: TableMemory, order: Uint32Array, epoch: number): void {
    this.#table = table;
    this.#order = order;
    this.#epoch = epoch;
    this.#position = 0;
    this.#begun = 0;
    this.#look();
    this.#fill();
  }

  next(rows: Int32Array): Promise<void> | undefined {
    if (this.#closed) fail({ code: "usage", where: "loader", problem: "it was closed" });
    const { chunk, slots } = this.#ring.given;
    const last = Math.ceil((this.#position + rows.length) / chunk);
    for (let at = Math.floor(this.#position / chunk); at < last; at++) {
      const slot = at % slots;
      // what a worker has finished is known before its message arrives
      const finished = this.#work[slot]!.done || Atomics.load(this.#ring.states, slot) === slotStates.done;
      if (!finished) return this.#wait(rows, at, last);
    }
    this.#take(rows);
    // reading goes on only where events are waited for
    return this.data.reader === undefined ? undefined : platform.yield();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#reads.close();
    await this.#hired?.close();
  }

  async #wait(rows: Int32Array, from: number, to: number): Promise<void> {
    for (let at = from; at < to; at++) {
      const work = this.#work[at % this.#ring.given.slots]!;
      await work.ended;
      if (work.failure !== undefined) throw work.failure.error;
    }
    this.#take(rows);
  }

  /** Copies the next examples into the table's first rows, and begins chunks in the place that becomes free. */
  #take(rows: Int32Array): void {
    const { chunk, slots } = this.#ring.given;
    const { examples } = this.#ring;
    for (let i = 0; i < rows.length; ) {
      const at = this.#position + i;
      const first = (Math.floor(at / chunk) % slots) * chunk + (at % chunk);
      const count = Math.min(rows.length - i, chunk - (at % chunk));
      this.#table.inputs.set(
        examples.inputs.subarray(first * this.#size, (first + count) * this.#size),
        i * this.#size,
      );
      const targets = examples.targets.subarray(first * this.#targetSize, (first + count) * this.#targetSize);
      this.#table.targets.set(targets, i * this.#targetSize);
      for (let k = 0; k < count; k++) rows[i + k] = i + k;
      i += count;
    }
    this.#position += rows.length;
    if (++this.#batches === lookEvery) this.#hireIfItPays();
    this.#fill();
  }

  #hireIfItPays(): void {
    const elapsed = platform.now() - this.#since;
    if (this.#spent > mostShare * elapsed) this.#hire();
    this.#look();
  }

  /** Begins to measure anew. */
  #look(): void {
    this.#batches = 0;
    this.#spent = 0;
    this.#since = platform.now();
  }

  /** Begins chunks for as long as there is place. */
  #fill(): void {
    const { chunk, slots } = this.#ring.given;
    const oldest = Math.floor(this.#position / chunk);
    while (this.#begun < oldest + slots && this.#begun * chunk < this.#order.length) {
      const slot = this.#begun % slots;
      const order = this.#order.subarray(this.#begun * chunk, (this.#begun + 1) * chunk);
      const before = this.#work[slot];
      const work: Work = { count: order.length, done: false, failure: undefined, ended: undefined };
      this.#work[slot] = work;
      this.#begun += 1;
      // an epoch that was broken off may have left work behind
      const free = before === undefined || before.done || Atomics.load(this.#ring.states, slot) === slotStates.done;
      const began = free
        ? this.#begin(slot, order, this.#epoch)
        : before.ended!.then(() => this.#begin(slot, order, this.#epoch));
      if (began === undefined) {
        work.done = true;
        continue;
      }
      work.ended = began.then(
        () => {
          work.done = true;
        },
        (error: unknown) => {
          work.failure = { error };
        },
      );
    }
  }

  /** Reads and augments a chunk; at once, if neither has to be waited for. */
  #begin(slot: number, order: Uint32Array, epoch: number): Promise<void> | undefined {
    const reading = this.#read(slot, order, epoch);
    return reading === undefined
      ? this.#vary(slot, order.length, epoch)
      : reading.then(() => this.#vary(slot, order.length, epoch));
  }

  #vary(slot: number, count: number, epoch: number): Promise<void> | undefined {
    if (this.#workers !== undefined) return this.#workers.run({ slot, count, epoch });
    const began = platform.now();
    this.#variation?.apply(this.#ring, slot, count, epoch);
    this.#spent += platform.now() - began;
    return undefined;
  }

  #read(slot: number, order: Uint32Array, epoch: number): Promise<void> | undefined {
    const { states, indices, partnerIndices, examples, partners, given } = this.#ring;
    Atomics.store(states, slot, slotStates.working);
    const waiting: Promise<void>[] = [];
    const read = (to: typeof examples, row: number, index: number) => {
      const reading = this.#readOne(index, to.inputsOf(row), to.targetsOf(row));
      if (reading !== undefined) waiting.push(reading);
    };
    for (let i = 0; i < order.length; i++) {
      const row = slot * given.chunk + i;
      const index = order[i]!;
      indices[row] = index;
      read(examples, row, index);
      if (!given.partners) continue;
      partnerIndices[row] = partnerOf(this.#seed, epoch, index, this.data.length);
      read(partners, row, partnerIndices[row]!);
    }
    if (waiting.length === 0) return undefined;
    // all have to be over before the slot is used again, also where one failed
    return Promise.allSettled(waiting).then((outcomes) => {
      for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
    });
  }

  #readOne(index: number, inputs: Dataset["inputs"], targets: Dataset["targets"]): Promise<void> | undefined {
    const { data } = this;
    const { reader } = data;
    if (!reader?.readsTargets) {
      if (this.#targetSize === 1) targets[0] = data.targets[index]!;
      else targets.set(data.targets.subarray(index * this.#targetSize, (index + 1) * this.#targetSize));
    }
    if (reader !== undefined) return this.#reads.run(async () => reader.read(index, inputs, targets));
    inputs.set(data.inputs.subarray(index * this.#size, (index + 1) * this.#size));
    return undefined;
  }
}

/** Whether there can be workers, which need memory that threads share. */
function mayWork(): boolean {
  return typeof SharedArrayBuffer !== "undefined";
}

/** Runs so many tasks at once, the others in their order. */
class Limit {
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  #closed = false;

  constructor(readonly most: number) {}

  async run(task: () => Promise<void>): Promise<void> {
    if (this.#running < this.most) this.#running += 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      if (!this.#closed) await task();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }

  /** Tasks that have not begun never do. */
  close(): void {
    this.#closed = true;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
