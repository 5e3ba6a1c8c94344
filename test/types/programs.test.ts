import { describe, expect, it } from "vitest";
import { complaintsAbout } from "../harness/snippets.js";

const declarations = [
  "declare const size: number;",
  "declare const deep: boolean;",
  "declare const extents: readonly number[];",
  "declare const anything: any;",
  "declare const layers: readonly Layer[];",
];

/** Programs that compile, each with the type of its last value. */
const programs: readonly (readonly [program: string, type: string])[] = [
  // known shapes: chains, graphs, nested networks
  [
    "const y = sequential(input(28, 28, 1), conv2d(10, 5, { stride: 2 }), flatten(), dense(10));",
    "Model<[28, 28, 1], [10]>",
  ],
  [
    "const x = input(28, 28, 1);\nconst a = conv2d(8, 3)(x);\nconst b = maxPool2d(2)(a);\nconst y = model(x, [a, flatten()(b)]);",
    "Model<[28, 28, 1], [[28, 28, 8], [1568]]>",
  ],
  [
    "const [image, place] = [input(8, 8, 3), input(2)] as const;\nconst joined = concatenate()(flatten()(image), place);\nconst y = model([image, place], dense(4)(joined));",
    "Model<[[8, 8, 3], [2]], [4]>",
  ],
  ["const x = input(3);\nconst y = model([x], [dense(2)(x)]);", "Model<[3], [2]>"],
  ["const y = sequential(input(3), dense(2)).outputShape;", "readonly [2]"],
  [
    "const body = sequential(input(8, 8, 3), conv2d(4, 3), flatten());\nconst y = sequential(input(8, 8, 3), body.asLayer({ name: 'body' }), dense(2));",
    "Model<[8, 8, 3], [2]>",
  ],
  [
    "const options = { stride: 2, activation: 'relu' } as const;\nconst y = conv2d(4, 5, options)(input(9, 9, 1));",
    "SymbolicTensor<[5, 5, 4]>",
  ],
  [
    "const layer = conv2d(4, 5);\nlayer(input(7, 7, 2));\nconst y = layer(input(9, 9, 2));",
    "SymbolicTensor<[9, 9, 4]>",
  ],
  // sizes that are numbers
  ["const y = conv2d(4, 3, { stride: 2 })(input(size, 28, 3));", "SymbolicTensor<[number, 14, 4]>"],
  ["const y = conv2d(size, 3, { padding: 'valid' })(input(28, 28, 3));", "SymbolicTensor<[26, 26, number]>"],
  ["const y = conv2d(4, size, { padding: 'valid' })(input(28, 28, 3));", "SymbolicTensor<[number, number, 4]>"],
  ["const y = conv2d(4, size)(input(28, 28, 3));", "SymbolicTensor<[28, 28, 4]>"],
  ["const y = conv2d(4, 3, { groups: size })(input(28, 28, 3));", "SymbolicTensor<[28, 28, 4]>"],
  ["const y = maxPool2d(size)(input(28, 28, 3));", "SymbolicTensor<[number, number, 3]>"],
  ["const y = maxPool2d(3, { ceilMode: deep, stride: 2 })(input(28, 28, 3));", "SymbolicTensor<[number, number, 3]>"],
  ["const y = convTranspose2d(4, 3, { outputPadding: size })(input(9, 9, 3));", "SymbolicTensor<[number, number, 4]>"],
  ["const y = zeroPadding2d([[size, 1], 2])(input(9, 9, 3));", "SymbolicTensor<[number, 13, 3]>"],
  ["const y = cropping2d(size)(input(9, 9, 3));", "SymbolicTensor<[number, number, 3]>"],
  ["const y = upSampling2d([2, size])(input(9, 9, 3));", "SymbolicTensor<[18, number, 3]>"],
  ["const y = flatten()(input(size, 9, 3));", "SymbolicTensor<[number]>"],
  ["const y = reshape([28, 28])(input(size));", "SymbolicTensor<[28, 28]>"],
  ["const y = reshape(extents)(input(784));", "SymbolicTensor<Shape>"],
  ["const y = permute([2, 0, 1] as number[])(input(7, 8, 9));", "SymbolicTensor<Shape>"],
  ["const y = add()(input(size, 8, 3), input(7, 8, 1));", "SymbolicTensor<[7, 8, 3]>"],
  ["const y = concatenate()(input(size, 8, 3), input(7, 8, 1));", "SymbolicTensor<[7, 8, 4]>"],
  ["const y = concatenate({ axis: size })(input(7, 8, 3), input(7, 8, 1));", "SymbolicTensor<Shape>"],
  ["const y = maxout(size)(input(7, 8, 3));", "SymbolicTensor<[7, 8, number]>"],
  ["const y = conv2d(4, 3)(input([size, size, 3]));", "SymbolicTensor<[number, number, 4]>"],
  ["const y = conv2d(4, 3)(input(extents));", "SymbolicTensor<Shape>"],
  ["const y = dense(4)(input(...extents));", "SymbolicTensor<Shape>"],
  // one of several
  ["const y = conv2d(4, 3, { stride: deep ? 2 : 1 })(input(28, 28, 3));", "SymbolicTensor<[number, number, 4]>"],
  ["const y = conv2d(deep ? 8 : 4, 3)(input(28, 28, 3));", "SymbolicTensor<[28, 28, 4 | 8]>"],
  [
    "const y = conv2d(4, 3, { padding: deep ? 'same' : 'valid' })(input(28, 28, 3));",
    "SymbolicTensor<[number, number, 4]>",
  ],
  [
    "const layer = deep ? conv2d(8, 3, { stride: 2 }) : conv2d(8, 3);\nconst y = layer(input(28, 28, 1));",
    "SymbolicTensor<Shape>",
  ],
  ["const norm = deep ? batchNorm() : layerNorm();\nconst y = norm(input(28, 28, 1));", "SymbolicTensor<Shape>"],
  [
    "const pool = deep ? maxPool2d(2) : averagePool2d(2);\nconst y = sequential(input(28, 28, 1), pool, flatten(), dense(3));",
    "Model<[28, 28, 1], [3]>",
  ],
  [
    "const x = input(9, 9, 2);\nconst shortcut = deep ? conv2d(8, 1)(x) : x;\nconst y = add()(conv2d(8, 3)(x), shortcut);",
    "SymbolicTensor<Shape>",
  ],
  // functions that are generic in the shape
  [
    "const block = <S extends Shape>(x: SymbolicTensor<S>) => relu()(batchNorm()(conv2d(8, 3, { stride: 2 })(x)));\nconst y = block(block(input(32, 32, 1)));",
    "SymbolicTensor<[8, 8, 8]>",
  ],
  [
    "const block = <S extends Shape, const F extends number>(x: SymbolicTensor<S>, f: F) => add()(conv2d(f, 1)(x), conv2d(f, 3)(x));\nconst y = block(input(9, 9, 2), 4);",
    "SymbolicTensor<[9, 9, 4]>",
  ],
  [
    "const block = <T extends SymbolicTensor>(x: T) => add()(x, conv2d(8, 3)(x));\nconst y = [block(input(9, 9, 8)), block(input(9, 9, 4))] as const;",
    "readonly [SymbolicTensor<[9, 9, 8]>, SymbolicTensor<Shape>]",
  ],
  [
    "const net = <S extends Shape>(x: SymbolicTensor<S>) => sequential(x, conv2d(8, 3), flatten(), dense(4));\nconst y = net(input(9, 9, 2));",
    "Model<[9, 9, 2], [4]>",
  ],
  [
    "const net = <S extends Shape>(x: SymbolicTensor<S>) => model(x, [dense(4)(flatten()(x)), x]);\nconst y = net(input(9, 9, 2));",
    "Model<[9, 9, 2], [[4], [9, 9, 2]]>",
  ],
  // functions, loops and lists
  [
    "const block = (x: SymbolicTensor, filters: number) => add()(conv2d(filters, 1)(x), conv2d(filters, 3)(x));\nconst y = block(input(9, 9, 2), 4);",
    "SymbolicTensor<Shape>",
  ],
  [
    "let y: SymbolicTensor = input(28, 28, 1);\nfor (const filters of [8, 16]) y = conv2d(filters, 3, { stride: 2 })(y);",
    "SymbolicTensor<Shape>",
  ],
  ["const y = layers.reduce<SymbolicTensor>((x, layer) => layer(x), input(28, 28, 1));", "SymbolicTensor<Shape>"],
  ["const y = sequential(input(28, 28, 1), ...layers, dense(10));", "Model<[28, 28, 1], Shape>"],
  ["const y = concatenate()([4, 8].map((filters) => conv2d(filters, 3)(input(9, 9, 1))));", "SymbolicTensor<Shape>"],
  ["const layer: Layer = conv2d(4, 3);\nconst y = layer(input(9, 9, 1));", "SymbolicTensor<Shape>"],
  ["const y: Model = sequential(input(3), dense(2));", "Model"],
  ["const y = conv2d(4, 3)(anything);", "SymbolicTensor<Shape>"],
  ["const y = add()(anything, input(3));", "SymbolicTensor<Shape>"],
  ["const y = conv2d(anything, 3)(input(9, 9, 1));", "SymbolicTensor<[9, 9, any]>"],
  [
    "const scale = defineLayer({ name: 'scale', call: ([x]) => x.multiply(2) });\nconst y = dense(3)(scale()(input(4)));",
    "SymbolicTensor<Shape>",
  ],
];

describe("types of programs", () => {
  it("say what is known, and no more", () => {
    const snippets = programs.map(([program, type]) => `${program}\nholds<Equal<typeof y, ${type}>>();`);
    const complaints = complaintsAbout("programs", snippets, declarations);
    const wrong = snippets.flatMap((snippet, i) => complaints[i]!.map(({ message }) => `${snippet}\n${message}`));
    expect(wrong).toEqual([]);
  });

  it("reach the end of a long chain", () => {
    const length = 300;
    const chain = `const y = sequential(input(1024, 1024, 3), ${"conv2d(8, 3, { padding: 'valid' }), ".repeat(length)}flatten());`;
    const features = (1024 - 2 * length) ** 2 * 8;
    const snippet = `${chain}\nholds<Equal<typeof y, Model<[1024, 1024, 3], [${features}]>>>();`;
    expect(complaintsAbout("chain", [snippet])).toEqual([[]]);
  });
});
