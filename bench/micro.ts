import type { WasmBackend } from "../src/backends/wasm/index.js";
import type { Shape } from "../src/core/shapes.js";
import { GraphBuilder } from "../src/graph/builder.js";
import type { Node } from "../src/graph/types.js";
import { convFilterGradient, convInputGradient, convNode } from "../src/ops/conv.js";
import { matmulNode } from "../src/ops/matmul.js";
import { resolvePadding } from "../src/ops/window.js";
import { type Context, withBackend } from "./context.js";
import { productsOf } from "./measure.js";
import { timed } from "./prepare.js";
import { percent, round, Table, widest } from "./table.js";
import { medianMilliseconds } from "./timing.js";

/** An op with its two gradients, each as a graph of one node between inputs and output. */
interface Case {
  readonly name: string;
  readonly forward: Emit;
  readonly inputGradient: Emit;
  readonly filterGradient: Emit;
}

type Emit = (builder: GraphBuilder) => Node;

const purposes = ["forward", "inputGradient", "filterGradient"] as const;

const cases: readonly Case[] = [
  ...[256, 512, 1024].map(square),
  convolution({ batch: 4, size: 56, channels: 64, kernel: 3, filters: 64 }),
  convolution({ batch: 4, size: 28, channels: 128, kernel: 3, filters: 128 }),
  convolution({ batch: 32, size: 14, channels: 64, kernel: 5, filters: 64 }),
  convolution({ batch: 8, size: 14, channels: 128, kernel: 5, filters: 128 }),
  convolution({ batch: 8, size: 28, channels: 64, kernel: 1, filters: 128 }),
  convolution({ batch: 4, size: 56, channels: 64, kernel: 3, filters: 128, stride: 2 }),
];

/** A · B with n rows and columns, and what training asks of it: dY · Bᵀ and Aᵀ · dY. */
function square(n: number): Case {
  const product =
    (transposeA: boolean, transposeB: boolean): Emit =>
    (builder) =>
      matmulNode(builder, operand(builder, "a", [n, n]), operand(builder, "b", [n, n]), transposeA, transposeB);
  return {
    name: `matmul ${n}`,
    forward: product(false, false),
    inputGradient: product(false, true),
    filterGradient: product(true, false),
  };
}

interface ConvolutionSizes {
  readonly batch: number;
  readonly size: number;
  readonly channels: number;
  readonly kernel: number;
  readonly filters: number;
  readonly stride?: number;
}

function convolution({ batch, size, channels, kernel, filters, stride = 1 }: ConvolutionSizes): Case {
  const strides = [stride, stride] as const;
  const padding = resolvePadding("same", [size, size], [kernel, kernel], strides);
  const attributes = { strides, padding, dilation: [1, 1], groups: 1 } as const;
  const inputShape = [batch, size, size, channels];
  const filterShape = [kernel, kernel, channels, filters];
  const outputShape = [batch, Math.ceil(size / stride), Math.ceil(size / stride), filters];
  const image = (builder: GraphBuilder) => operand(builder, "image", inputShape);
  const filter = (builder: GraphBuilder) => operand(builder, "filter", filterShape);
  const gradient = (builder: GraphBuilder) => operand(builder, "gradient", outputShape);
  return {
    name: `conv ${kernel}×${kernel}${stride > 1 ? ` / ${stride}` : ""}, ${channels} → ${filters}, ${batch} × ${size}²`,
    forward: (builder) => convNode(builder, image(builder), filter(builder), attributes),
    inputGradient: (builder) =>
      builder.add(convInputGradient, [gradient(builder), filter(builder)], { ...attributes, inputShape }),
    filterGradient: (builder) =>
      builder.add(convFilterGradient, [image(builder), gradient(builder)], { ...attributes, filterShape }),
  };
}

function operand(builder: GraphBuilder, name: string, shape: Shape): Node {
  return builder.input(name, shape, "float32");
}

/** Single kernels against the peak, on one thread. */
export async function benchMicro({ options, peak, write }: Context): Promise<void> {
  await withBackend(options, 1, async (backend) => {
    const table = options.json
      ? undefined
      : new Table(
          [
            { title: "GFLOP/s and part of peak", width: widest(cases.map(({ name }) => name)) },
            ...["forward", "input gradient", "filter gradient"].map((title) => ({ title, width: 12 })),
          ],
          write,
        );
    for (const micro of cases) {
      const speeds: number[] = [];
      for (const purpose of purposes) speeds.push(await measureOne(backend, micro[purpose], options.seconds));
      if (table !== undefined) {
        table.row([micro.name, ...speeds.map((speed) => `${speed.toFixed(1)}  ${percent(speed / peak).padStart(5)}`)]);
        continue;
      }
      for (const [i, purpose] of purposes.entries()) {
        const peak_fraction = round(speeds[i]! / peak, 3);
        write(JSON.stringify({ name: micro.name, purpose, gflops: round(speeds[i]!, 1), peak_fraction }));
      }
    }
  });
}

async function measureOne(backend: WasmBackend, emit: Emit, seconds: number): Promise<number> {
  const builder = new GraphBuilder();
  builder.output("result", emit(builder));
  const program = await backend.compile(backend.plan(builder.build()), backend.createStore());
  return (2 * productsOf(program.plan)) / (await medianMilliseconds(timed(program), seconds)) / 1e6;
}
