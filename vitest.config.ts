import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  resolve: {
    alias: [
      { find: /^fovea$/, replacement: at("./src/index.ts") },
      { find: /^fovea\/data$/, replacement: at("./src/data/index.ts") },
      { find: /^fovea\/inspect$/, replacement: at("./src/inspect/index.ts") },
      { find: /^fovea\/signal$/, replacement: at("./src/signal/index.ts") },
      { find: /^fovea\/zoo$/, replacement: at("./src/zoo/index.ts") },
      { find: /^#platform$/, replacement: at("./src/platform/node.ts") },
    ],
  },
  test: {
    include: ["test/**/*.test.ts"],
    pool: "forks",
    // by default all processors but one, which would be one of two
    maxWorkers: Math.max(2, availableParallelism() - 1),
    testTimeout: 60_000,
  },
});
