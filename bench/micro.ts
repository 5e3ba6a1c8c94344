import type { WasmBackend } from "../src/backends/wasm/index.js";
import { type Shape, sizeOf } from "../src/core/shapes.js";
import { GraphBuilder } from "../src/graph/builder.js";
import type { Node } from "../src/graph/types.js";
import { convFilterGradient, convInputGradient, convNode } from "../src/ops/conv.js";
import { matmulNode } from "../src/ops/matmul.js";
import { effectiveSize, resolvePadding } from "../src/ops/window.js";
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

const exponents = ["", "", "²", "³"];

const cases: readonly Case[] = [
  ...[256, 512, 1024].map(square),
  convolution({ batch: 4, size: 56, channels: 64, kernel: 3, filters: 64 }),
  convolution({ batch: 4, size: 28, channels: 128, kernel: 3, filters: 128 }),
  convolution({ batch: 32, size: 14, channels: 64, kernel: 5, filters: 64 }),
  convolution({ batch: 8, size: 14, channels: 128, kernel: 5, filters: 128 }),
  // first layers: few channels, and strides
  convolution({ batch: 32, size: 32, channels: 3, kernel: 5, filters: 64 }),
  convolution({ batch: 4, size: 224, channels: 3, kernel: 7, filters: 64, stride: 2 }),
  convolution({ batch: 50, size: 14, channels: 10, kernel: 5, filters: 40, stride: 2 }),
  convolution({ batch: 8, size: 28, channels: 64, kernel: 1, filters: 128 }),
  convolution({ batch: 4, size: 56, channels: 64, kernel: 3, filters: 128, stride: 2 }),
  // the depthwise layers of MobileNetV2 on 96² pixels, and other groups
  depthwise({ size: 48, channels: 32 }),
  depthwise({ size: 48, channels: 96, stride: 2 }),
  depthwise({ size: 24, channels: 144 }),
  depthwise({ size: 12, channels: 192 }),
  depthwise({ size: 6, channels: 384 }),
  depthwise({ size: 3, channels: 960 }),
  convolution({ batch: 4, size: 28, channels: 128, kernel: 3, filters: 128, groups: 4 }),
  convolution({ batch: 4, size: 28, channels: 128, kernel: 3, filters: 128, groups: 32 }),
  // into few channels
  convolution({ batch: 4, size: 64, channels: 64, kernel: 3, filters: 1 }),
  convolution({ batch: 4, size: 64, channels: 64, kernel: 3, filters: 3 }),
  // long sequences, and volumes
  ...[1, 16, 512].map((dilation) =>
    convolution({ batch: 8, size: 8000, channels: 64, kernel: 3, filters: 64, dilation, axes: 1 }),
  ),
  convolution({ batch: 8, size: 8000, channels: 64, kernel: 2, filters: 64, dilation: 8, axes: 1 }),
  convolution({ batch: 4, size: 32, channels: 1, kernel: 3, filters: 16, axes: 3 }),
  convolution({ batch: 4, size: 32, channels: 16, kernel: 3, filters: 32, axes: 3 }),
  convolution({ batch: 4, size: 32, channels: 32, kernel: 3, filters: 64, stride: 2, axes: 3 }),
];

function depthwise({ size, channels, stride }: { size: number; channels: number; stride?: number }): Case {
  return convolution({ batch: 16, size, channels, kernel: 3, filters: channels, groups: channels, stride });
}

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
  /** Extent of every axis. */
  readonly size: number;
  readonly channels: number;
  readonly kernel: number;
  readonly filters: number;
  readonly stride?: number;
  readonly dilation?: number;
  /** `channels` for a depthwise convolution. */
  readonly groups?: number;
  readonly axes?: 1 | 2 | 3;
}

function convolution(sizes: ConvolutionSizes): Case {
  const { batch, size, channels, kernel, filters, stride = 1, dilation = 1, groups = 1, axes = 2 } = sizes;
  const each = (value: number): number[] => new Array<number>(axes).fill(value);
  const strides = each(stride);
  const padding = resolvePadding("same", each(size), each(effectiveSize(kernel, dilation)), strides);
  const attributes = { strides, padding, dilation: each(dilation), groups };
  const inputShape = [batch, ...each(size), channels];
  const filterShape = [...each(kernel), channels / groups, filters];
  const outputShape = [batch, ...each(Math.ceil(size / stride)), filters];
  const image = (builder: GraphBuilder) => operand(builder, "image", inputShape);
  const filter = (builder: GraphBuilder) => operand(builder, "filter", filterShape);
  const gradient = (builder: GraphBuilder) => operand(builder, "gradient", outputShape);
  const window = `${each(kernel).join("×")}${stride > 1 ? ` / ${stride}` : ""}${dilation > 1 ? `, dilation ${dilation}` : ""}`;
  const grouped = groups === 1 ? "" : groups === channels ? " depthwise" : `, ${groups} groups`;
  return {
    name: `conv ${window}, ${channels} → ${filters}${grouped}, ${batch} × ${size}${exponents[axes]}`,
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
            { title: "GFLOP/s, part of peak, GB/s", width: widest(cases.map(({ name }) => name)) },
            ...["forward", "input gradient", "filter gradient"].map((title) => ({ title, width: 20 })),
          ],
          write,
        );
    for (const micro of cases) {
      const speeds: Speed[] = [];
      for (const purpose of purposes) speeds.push(await measureOne(backend, micro[purpose], options.seconds));
      if (table !== undefined) {
        const cell = ({ gflops, gigabytes }: Speed) =>
          `${gflops.toFixed(1)}  ${percent(gflops / peak).padStart(5)}  ${gigabytes.toFixed(1).padStart(5)}`;
        table.row([micro.name, ...speeds.map(cell)]);
        continue;
      }
      for (const [i, purpose] of purposes.entries()) {
        const { gflops, gigabytes } = speeds[i]!;
        const peak_fraction = round(gflops / peak, 3);
        const speed = { gflops: round(gflops, 1), peak_fraction, gigabytes: round(gigabytes, 1) };
        write(JSON.stringify({ name: micro.name, purpose, ...speed }));
      }
    }
  });
}

interface Speed {
  readonly gflops: number;
  /** Bytes of operands and result, each counted once, in GB/s. */
  readonly gigabytes: number;
}

async function measureOne(backend: WasmBackend, emit: Emit, seconds: number): Promise<Speed> {
  const builder = new GraphBuilder();
  builder.output("result", emit(builder));
  const graph = builder.build();
  const program = await backend.compile(backend.plan(graph), backend.createStore());
  const milliseconds = await medianMilliseconds(timed(program), seconds);
  const bytes = graph.nodes.reduce((sum, { shape }) => sum + 4 * sizeOf(shape), 0);
  return { gflops: (2 * productsOf(program.plan)) / milliseconds / 1e6, gigabytes: bytes / milliseconds / 1e6 };
}
