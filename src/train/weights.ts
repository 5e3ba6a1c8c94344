import type { NumericArray } from "../core/dtypes.js";
import { fail } from "../core/errors.js";
import { keyOf } from "../core/random.js";
import { sizeOf } from "../core/shapes.js";
import { initialize } from "../model/initializers.js";
import type { Network, WeightSpec } from "../model/network.js";
import { backendFor, type ExecutionOptions } from "../runtime/backends.js";
import { Session } from "../runtime/session.js";

/**
 * Where values are: in host memory until something runs, then in the store of the backend that runs it. A network and
 * the parts of it that models are made of share one.
 */
class Home {
  /** Undefined before there are any values, and while they are in a store. */
  values: Map<string, Float32Array> | undefined;
  session: Session | undefined;
  busy = false;
  /** Networks that share this. */
  parts = 0;

  constructor(
    /** Those of the whole network. */
    readonly specs: readonly WeightSpec[],
    values: ReadonlyMap<string, Float32Array> | undefined,
    /** First values that are not drawn. */
    readonly learned: ReadonlyMap<string, Float32Array>,
  ) {
    this.values = values === undefined ? undefined : new Map(values);
  }
}

/**
 * The values of a network's weights, wherever they live. Asking for another backend or thread count moves them, also
 * for the networks that share them.
 */
export class Weights {
  #home: Home;
  /** Tells a part's programs from those of the whole and of other parts. */
  #part = 0;

  constructor(
    readonly network: Network,
    values?: ReadonlyMap<string, Float32Array>,
    learned: ReadonlyMap<string, Float32Array> = new Map(),
  ) {
    this.#home = new Home(network.weights, values, learned);
  }

  /** Weights of a part of this network: the same values, seen from both. */
  shareWith(part: Network): Weights {
    const weights = new Weights(part);
    weights.#home = this.#home;
    weights.#part = ++this.#home.parts;
    return weights;
  }

  get initialized(): boolean {
    return this.#home.values !== undefined || this.#home.session !== undefined;
  }

  /**
   * Draws first values: a pure function of the seed and each weight's name. Overwrites what was there; where there was
   * nothing, networks that share these weights get theirs, too.
   */
  initialize(seed: number): void {
    const specs = this.initialized ? this.network.weights : this.#home.specs;
    this.setAll(new Map(specs.map((spec) => [spec.name, firstValues(spec, seed)])));
  }

  /** Draws first values where there are none; layers that were models begin with what these had learned. */
  ensure(seed: number): void {
    if (this.initialized) return;
    this.initialize(seed);
    this.setAll(this.#home.learned);
  }

  read(name: string): Float32Array {
    const { session, values } = this.#home;
    if (session !== undefined) return toFloat32(session.store.read(name));
    return values!.get(name)!.slice();
  }

  readAll(): Map<string, Float32Array> {
    return new Map(this.network.weights.map(({ name }) => [name, this.read(name)]));
  }

  write(name: string, values: ArrayLike<number>): void {
    const { session } = this.#home;
    if (session !== undefined) session.store.write(name, values);
    else this.#home.values!.set(name, Float32Array.from(values));
  }

  setAll(values: ReadonlyMap<string, Float32Array>): void {
    const { session } = this.#home;
    if (session === undefined) this.#home.values = new Map([...(this.#home.values ?? []), ...values]);
    else for (const [name, array] of values) session.store.write(name, array);
  }

  /** The session on the asked-for backend, with the weights in its store. */
  async session(options: ExecutionOptions, where: string): Promise<Session> {
    const { backend, threads } = await backendFor(options, where);
    const home = this.#home;
    if (home.session?.backend !== backend) {
      const session = new Session(backend, threads);
      for (const { name, shape } of home.specs) {
        session.store.declare(name, { shape, dtype: "float32" });
        session.store.write(name, this.read(name));
      }
      home.session = session;
      home.values = undefined;
    }
    return this.#part === 0 ? home.session : home.session.within(`part ${this.#part}`);
  }

  /** Runs one thing at a time: programs on shared weights share memory. */
  async exclusively<T>(where: string, body: () => Promise<T>): Promise<T> {
    const home = this.#home;
    if (home.busy) {
      fail({
        code: "usage",
        where,
        problem: "the model is busy",
        fix: "Await the call before, or load a second model",
      });
    }
    home.busy = true;
    try {
      return await body();
    } finally {
      home.busy = false;
    }
  }
}

function firstValues({ name, shape, initializer, fanIn, fanOut, zeroRow }: WeightSpec, seed: number): Float32Array {
  const values = initialize(initializer, shape, { fanIn, fanOut }, keyOf(seed, "initialize", name));
  const size = sizeOf(shape.slice(1));
  return zeroRow === undefined ? values : values.fill(0, zeroRow * size, (zeroRow + 1) * size);
}

function toFloat32(values: NumericArray): Float32Array {
  return values instanceof Float32Array ? values : Float32Array.from(values);
}
