import { type Augment, Augmentor, type ExampleLayout, exampleKey } from "../augment/augment.js";
import type { Ring } from "./ring.js";

/** Augments the examples of a ring's slot: on whatever thread, the result is the same. */
export class Variation {
  readonly #augmentor: Augmentor;

  constructor(
    augment: Augment,
    layout: ExampleLayout,
    readonly seed: number,
  ) {
    this.#augmentor = new Augmentor(augment, layout);
  }

  apply(ring: Ring, slot: number, count: number, epoch: number): void {
    const { chunk, partners } = ring.given;
    for (let row = slot * chunk; row < slot * chunk + count; row++) {
      const key = exampleKey(this.seed, epoch, ring.indices[row]!);
      const inputs = ring.examples.inputsOf(row);
      const targets = ring.examples.targetsOf(row);
      this.#augmentor.vary(inputs, targets, key);
      if (!partners) continue;
      const partner = { inputs: ring.partners.inputsOf(row), targets: ring.partners.targetsOf(row) };
      this.#augmentor.vary(partner.inputs, partner.targets, exampleKey(this.seed, epoch, ring.partnerIndices[row]!));
      this.#augmentor.mix({ inputs, targets }, partner, key);
    }
  }
}
