import { describe, expect, it } from "vitest";
import { controlBytes } from "../../../src/backends/wasm/layout.js";
import { WasmStore } from "../../../src/backends/wasm/store.js";

const bytes = (length: number) => ({ shape: [length], dtype: "uint8" }) as const;

/** A store with variables of so many bytes, named a, b, c, … */
function storeOf(...lengths: readonly number[]) {
  const store = new WasmStore(false);
  lengths.forEach((length, i) => {
    const name = String.fromCharCode("a".charCodeAt(0) + i);
    store.declare(name, bytes(length));
    store.write(name, new Uint8Array(length).fill(i + 1));
  });
  return store;
}

describe("memory of a model", () => {
  it("that is released serves the next that fits, zeroed", () => {
    const store = storeOf(100, 200, 300);
    const place = store.address("b");
    store.release("b");
    expect(store.has("b")).toBe(false);
    expect(() => store.read("b")).toThrow('variable "b": was never declared in this store.');
    store.declare("larger", bytes(257));
    expect(store.address("larger")).toBeGreaterThan(store.address("c"));
    store.declare("first", bytes(64));
    store.declare("second", bytes(192));
    expect([store.address("first"), store.address("second")]).toEqual([place, place + 64]);
    expect([...store.read("first"), ...store.read("second")]).toEqual(new Array(256).fill(0));
    expect(store.read("a")).toEqual(new Uint8Array(100).fill(1));
    expect(store.read("c")).toEqual(new Uint8Array(300).fill(3));
  });

  it("joins what is released beside what is free", () => {
    for (const order of ["bcd", "bdc", "cbd", "cdb", "dbc", "dcb"]) {
      const store = storeOf(64, 64, 128, 64, 64);
      const place = store.address("b");
      for (const name of order) store.release(name);
      store.declare("joined", bytes(256));
      expect(store.address("joined"), order).toBe(place);
      expect(store.read("a")[0]! + store.read("e")[0]!).toBe(6);
    }
  });

  it("comes down when the last ones are released", () => {
    const store = storeOf(64, 1000, 64);
    store.release("b");
    store.release("c");
    store.release("a");
    store.declare("all", bytes(2000));
    expect(store.address("all")).toBe(controlBytes);
  });

  it("an arena that moves leaves its place to others", () => {
    const store = storeOf(64);
    const place = store.arena(1000);
    store.declare("behind", bytes(64));
    const moved = store.arena(2000);
    expect(moved).toBeGreaterThan(store.address("behind"));
    store.declare("instead", bytes(1000));
    expect(store.address("instead")).toBe(place);
    // the last in memory grows where it is
    expect(store.arena(3000)).toBe(moved);
  });

  it("a refusal changes nothing", () => {
    const store = storeOf(64, 640, 64);
    const place = store.address("b");
    store.release("b");
    expect(() => store.declare("huge", bytes(2 ** 32))).toThrow(/^variable "huge": memory cannot be had/);
    expect(() => store.arena(2 ** 32)).toThrow(/^the arena: memory cannot be had/);
    expect(store.names()).toEqual(["a", "c"]);
    expect(store.arena(640)).toBe(place);
  });
});
