import type { NumericArray } from "../core/dtypes.js";
import { keyOf } from "../core/random.js";
import { initialize } from "../model/initializers.js";
import type { Network } from "../model/network.js";
import { backendFor, type ExecutionOptions } from "../runtime/backends.js";
import { Session } from "../runtime/session.js";

/**
 * The values of a network's weights, wherever they live: in host memory until something runs, then in the store of the
 * backend that runs it. Asking for another backend or thread count moves them.
 */
export class Weights {
  #values: Map<string, Float32Array> | undefined;
  #session: Session | undefined;

  constructor(
    readonly network: Network,
    values?: ReadonlyMap<string, Float32Array>,
  ) {
    this.#values = values === undefined ? undefined : new Map(values);
  }

  get initialized(): boolean {
    return this.#values !== undefined || this.#session !== undefined;
  }

  /** Draws first values: a pure function of the seed and each weight's name. Overwrites what was there. */
  initialize(seed: number): void {
    this.setAll(
      new Map(
        this.network.weights.map(({ name, shape, initializer, fanIn, fanOut }) => [
          name,
          initialize(initializer, shape, { fanIn, fanOut }, keyOf(seed, "initialize", name)),
        ]),
      ),
    );
  }

  read(name: string): Float32Array {
    if (this.#session !== undefined) return toFloat32(this.#session.store.read(name));
    return this.#values!.get(name)!.slice();
  }

  readAll(): Map<string, Float32Array> {
    return new Map(this.network.weights.map(({ name }) => [name, this.read(name)]));
  }

  write(name: string, values: ArrayLike<number>): void {
    if (this.#session !== undefined) this.#session.store.write(name, values);
    else this.#values!.set(name, Float32Array.from(values));
  }

  setAll(values: ReadonlyMap<string, Float32Array>): void {
    if (this.#session === undefined) this.#values = new Map(values);
    else for (const [name, array] of values) this.#session.store.write(name, array);
  }

  /** The session on the asked-for backend, with the weights in its store. */
  async session(options: ExecutionOptions, where: string): Promise<Session> {
    const { backend, threads } = await backendFor(options, where);
    if (this.#session?.backend === backend) return this.#session;
    const values = this.readAll();
    const session = new Session(backend, threads);
    for (const { name, shape } of this.network.weights) {
      session.store.declare(name, { shape, dtype: "float32" });
      session.store.write(name, values.get(name)!);
    }
    this.#session = session;
    this.#values = undefined;
    return session;
  }
}

function toFloat32(values: NumericArray): Float32Array {
  return values instanceof Float32Array ? values : Float32Array.from(values);
}
