import type { Shape } from "../../src/core/shapes.js";
import { add, type Expression, less, maximum, multiply, sigmoid, tanh, x } from "../../src/ops/expression.js";
import type { CaseInput } from "../harness/case.js";

/** What the fusing pass may hang on a result: `$0` is the result, `$1…` are the operands. */
export interface EpilogueSpec {
  readonly label: string;
  readonly epilogue: Expression;
  readonly operands: readonly CaseInput[];
}

/** One epilogue for every shape that an operand may have, and more than one operand. */
export function epiloguesFor(result: Shape): EpilogueSpec[] {
  const channels = result.slice(-1);
  const leadingOnes = [...result.slice(1).map(() => 1), ...channels];
  const operands = (...shapes: Shape[]) => shapes.map((shape) => ({ shape }));
  const biased = add(x(0), x(1));
  return [
    { label: "relu", epilogue: maximum(x(0), 0), operands: [] },
    { label: "bias and relu", epilogue: maximum(biased, 0), operands: operands(channels) },
    { label: "bias and sigmoid", epilogue: sigmoid(biased), operands: operands(channels) },
    { label: "scale and tanh", epilogue: tanh(multiply(x(0), x(1))), operands: operands([]) },
    { label: "residual", epilogue: maximum(add(biased, x(2)), 0), operands: operands(channels, result) },
    { label: "relu's gradient", epilogue: multiply(x(0), less(0, x(1))), operands: operands(result) },
    { label: "bias with leading ones", epilogue: biased, operands: operands(leadingOnes) },
  ];
}
