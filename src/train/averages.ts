import type { Network } from "../model/network.js";
import { slotName } from "../model/updates.js";
import type { Store } from "../plan/backend.js";

/** Puts the moving averages that training keeps into the place of the weights, and the weights into theirs. */
export function exchangeAverages(store: Store, network: Network): void {
  for (const { name } of network.weights) {
    const slot = slotName("average", name);
    if (!store.has(slot)) continue;
    const weight = store.read(name);
    store.write(name, store.read(slot));
    store.write(slot, weight);
  }
}
