import type { ConstantAttributes, InputAttributes, OpDefinition, VariableAttributes } from "./types.js";

/** The three nodes without inputs. They cost nothing and stop gradients' way back. */
const leaf = { gradient: { none: "it is a leaf" }, cost: () => ({ multiplyAdds: 0 }) } as const;

export const input: OpDefinition<InputAttributes> = {
  ...leaf,
  name: "input",
  infer: (_inputs, attributes) => attributes.type,
};

export const variable: OpDefinition<VariableAttributes> = {
  ...leaf,
  name: "variable",
  infer: (_inputs, attributes) => attributes.type,
};

export const constant: OpDefinition<ConstantAttributes> = {
  ...leaf,
  name: "constant",
  infer: () => ({ shape: [], dtype: "float32" }),
};
