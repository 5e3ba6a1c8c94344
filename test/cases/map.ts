import type { DType } from "../../src/core/dtypes.js";
import type { Shape } from "../../src/core/shapes.js";
import { leakyRelu } from "../../src/model/activations.js";
import {
  absolute,
  add,
  binaryFunctions,
  divide,
  type Expression,
  equal,
  exp,
  floor,
  less,
  lessEqual,
  log,
  maximum,
  minimum,
  multiply,
  negate,
  random,
  select,
  sigmoid,
  sqrt,
  subtract,
  tanh,
  type UnaryFunction,
  unaryFunctions,
  x,
} from "../../src/ops/expression.js";
import { type Case, type CaseInput, distinct, exactly, integers, uniform, type Values } from "../harness/case.js";
import { edgeSizes } from "./sizes.js";

interface Options {
  readonly shape?: Shape;
  readonly gradient?: boolean;
  readonly finiteDifferences?: boolean;
}

function mapCase(
  name: string,
  expression: Expression,
  inputs: readonly CaseInput[],
  options: Options = {},
): Case<"map"> {
  const { shape, gradient = true, finiteDifferences = true } = options;
  const attributes = shape === undefined ? { expression } : { expression, shape };
  return { op: "map", name, inputs, attributes, gradient, finiteDifferences };
}

/** Values where a function is at home: positive for logarithm and root, away from kinks for the others. */
const domains: { readonly [F in UnaryFunction]?: Values } = {
  log: uniform(0.1, 4),
  sqrt: uniform(0.1, 4),
  exp: uniform(-5, 5),
  expm1: uniform(-5, 5),
  log1p: uniform(-0.9, 4),
  erf: uniform(-3, 3),
  tanh: uniform(-3, 3),
  sigmoid: uniform(-6, 6),
};

/** Values where functions go wrong: signed zeros, tiny, huge, infinities, NaN. */
const extremes = [
  0,
  -0,
  1e-30,
  -1e-30,
  1e-5,
  -1e-5,
  1,
  -1,
  20,
  -20,
  87,
  -87,
  88.5,
  -88.5,
  89,
  -104,
  1e4,
  -1e4,
  1e30,
  -1e30,
  Infinity,
  -Infinity,
  NaN,
];

const unaries = unaryFunctions.flatMap((fn) => {
  const expression: Expression = { kind: "unary", fn, a: x(0) };
  const values = domains[fn] ?? distinct;
  return [
    ...edgeSizes.map((size) => mapCase(`${fn} of ${size}`, expression, [{ shape: [size], values }])),
    mapCase(`${fn} of 3×5×7×2`, expression, [{ shape: [3, 5, 7, 2], values }]),
    mapCase(`${fn} of extremes`, expression, [{ shape: [extremes.length], values: exactly(...extremes) }], {
      gradient: false,
    }),
    mapCase(`${fn} near its interesting point`, expression, [{ shape: [257], values: nearOf(fn) }], {
      gradient: false,
    }),
  ];
});

/** Logarithms of numbers near 1, everything else of numbers near 0: there relative accuracy is easily lost. */
function nearOf(fn: UnaryFunction): Values {
  if (fn === "log") return uniform(0.98, 1.02);
  return fn === "sqrt" ? uniform(0, 1e-3) : uniform(-1e-2, 1e-2);
}

const binaries = binaryFunctions.flatMap((fn) => {
  const expression: Expression = { kind: "binary", fn, a: x(0), b: x(1) };
  const inputs = (left: Shape, right: Shape): CaseInput[] => [
    { shape: left, values: distinct },
    { shape: right, values: distinct },
  ];
  const pairs = extremes.flatMap((a) => extremes.map((b) => [a, b] as const));
  return [
    ...[1, 4, 7, 17].map((size) => mapCase(`${fn} of ${size}`, expression, inputs([size], [size]))),
    mapCase(`${fn} broadcast`, expression, inputs([3, 5], [5])),
    mapCase(`${fn} with a scalar`, expression, inputs([], [9])),
    mapCase(
      `${fn} of equal values`,
      expression,
      [
        { shape: [40], values: integers(-2, 3) },
        { shape: [40], values: integers(-2, 3) },
      ],
      { gradient: fn !== "divide", finiteDifferences: false },
    ),
    mapCase(
      `${fn} of extremes`,
      expression,
      [
        { shape: [pairs.length], values: exactly(...pairs.map(([a]) => a)) },
        { shape: [pairs.length], values: exactly(...pairs.map(([, b]) => b)) },
      ],
      { gradient: false },
    ),
  ];
});

/** Operands' shapes: bias, scalars, inner and outer axes of 1, ones at the end, more than two operands. */
const broadcasts: readonly (readonly Shape[])[] = [
  [[5, 7], [7]],
  [[7], [5, 7]],
  [[2, 3, 4, 5], [5]],
  [
    [2, 3, 4, 5],
    [2, 1, 1, 5],
  ],
  [
    [2, 3, 4, 5],
    [3, 1, 1],
  ],
  [
    [4, 1, 3],
    [1, 6, 1],
  ],
  [
    [4, 6, 3],
    [4, 1, 3],
  ],
  [
    [4, 6, 3],
    [4, 6, 1],
  ],
  [
    [5, 1],
    [1, 5],
  ],
  [
    [3, 4, 1],
    [3, 4, 1],
  ],
  [[1, 1, 1], [2]],
  [[], []],
  [[], [3, 5]],
  [
    [33, 17],
    [1, 17],
    [33, 1],
  ],
  [[2, 1, 5], [3, 1], [5]],
  [[8, 16], [16], [16], []],
];
const broadcasting = broadcasts.map((shapes) => {
  const product = shapes
    .slice(1)
    .reduce<Expression>((sum, _, i) => add(multiply(sum, 0.5), multiply(x(i + 1), x(0))), x(0));
  return mapCase(
    shapes.map((shape) => `[${shape}]`).join(" and "),
    product,
    shapes.map((shape) => ({ shape })),
  );
});

/** To a shape that the operands do not have by themselves. */
const stretched = [
  mapCase("[3, 1] to [3, 5]", multiply(x(0), 2), [{ shape: [3, 1] }], { shape: [3, 5] }),
  mapCase("[] to [2, 3, 4]", exp(x(0)), [{ shape: [] }], { shape: [2, 3, 4] }),
  mapCase("[4] to [2, 3, 4]", x(0), [{ shape: [4] }], { shape: [2, 3, 4] }),
  mapCase("[1, 5] and [5, 1] to [2, 5, 5]", multiply(x(0), x(1)), [{ shape: [1, 5] }, { shape: [5, 1] }], {
    shape: [2, 5, 5],
  }),
];

const relu = maximum(x(0), 0);
const gelu = multiply(
  multiply(0.5, x(0)),
  add(1, tanh(multiply(Math.sqrt(2 / Math.PI), add(x(0), multiply(0.044715, multiply(x(0), multiply(x(0), x(0)))))))),
);
const huber = select(less(absolute(x(0)), 1.07), multiply(0.5, multiply(x(0), x(0))), subtract(absolute(x(0)), 0.5));
/** Adam's step: variable, gradient, first and second moment. */
const adam = subtract(x(0), divide(multiply(1e-3, x(2)), add(sqrt(x(3)), 1e-8)));

/** Expressions as layers, losses and optimisers write them. */
const composites = [1, 5, 16, 67].flatMap((size) => {
  const one = (name: string, expression: Expression, values: Values = distinct) =>
    mapCase(`${name} of ${size}`, expression, [{ shape: [size], values }]);
  return [
    one("relu", relu),
    one("relu6", minimum(relu, 1)),
    one("leakyRelu", leakyRelu(x(0), 0.1)),
    one("elu", select(less(0, x(0)), x(0), subtract(exp(minimum(x(0), 0)), 1))),
    one("gelu", gelu),
    one("swish", multiply(x(0), sigmoid(x(0)))),
    one("softplus", add(maximum(x(0), 0), log(add(1, exp(negate(absolute(x(0)))))))),
    one("huber", huber),
    one("floor in a sum", add(floor(multiply(3.3, x(0))), x(0))),
    one("comparisons", add(multiply(x(0), lessEqual(x(0), 0.51)), equal(x(0), 3))),
    mapCase(`adam of ${size}`, adam, [
      { shape: [size] },
      { shape: [size] },
      { shape: [size] },
      { shape: [size], values: uniform(0.01, 1) },
    ]),
    mapCase(`select of ${size}`, select(x(0), x(1), x(2)), [
      { shape: [size], dtype: "int32", values: integers(0, 2) },
      { shape: [size] },
      { shape: [size] },
    ]),
  ];
});

const key = { shape: [2], dtype: "int32", values: exactly(12345, -678901234) } as const satisfies CaseInput;
const dropout = select(less(random(1, 3), 0.7), divide(x(0), 0.7), 0);
const randoms = [
  ...[1, 4, 7, 1003].map((size) =>
    mapCase(`random numbers ${size}`, random(0, 0), [key], { shape: [size], gradient: false }),
  ),
  mapCase("random numbers 5×3×2, salt 7", random(0, 7), [key], { shape: [5, 3, 2], gradient: false }),
  mapCase("random sums", add(random(0, 1), random(0, 2)), [key], { shape: [33], gradient: false }),
  mapCase("dropout", dropout, [{ shape: [9, 13] }, key]),
  mapCase("dropout, broadcast", dropout, [{ shape: [9, 1] }, key], { shape: [9, 13] }),
];

const conversions = (["uint8", "int32"] as const satisfies readonly DType[]).flatMap((dtype) => {
  const values = dtype === "uint8" ? integers(0, 256) : integers(-100_000, 100_000);
  return [
    ...[1, 3, 5, 15, 16, 17, 33].map((size) =>
      mapCase(`${dtype} to float, ${size}`, x(0), [{ shape: [size], dtype, values }], { gradient: false }),
    ),
    mapCase(`${dtype} normalised`, multiply(subtract(divide(x(0), 255), x(1)), x(2)), [
      { shape: [2, 5, 4, 3], dtype, values },
      { shape: [3] },
      { shape: [3] },
    ]),
    mapCase(`${dtype} broadcast`, add(x(0), x(1)), [{ shape: [5], dtype, values }, { shape: [3, 5] }]),
  ];
});

export const mapCases: readonly Case<"map">[] = [
  ...unaries,
  ...binaries,
  ...broadcasting,
  ...stretched,
  ...composites,
  ...randoms,
  ...conversions,
  mapCase("a constant to [3, 5]", { kind: "constant", value: 0.1 }, [], { shape: [3, 5], gradient: false }),
];
