import { exitCodes, type Io, printJson, printLine, reportError } from "./io.js";

/**
 * Runs a command line and returns its exit code.
 *
 * @example await main(["train", "mnist-shallow", "--epochs", "3"])
 */
export async function main(argv: readonly string[], io: Io = process): Promise<number> {
  const json = argv.includes("--json");
  try {
    const program = await loadProgram();
    if (program === undefined) {
      printLine(io.stderr, "error: fovea: the command line needs the package commander\nRun: npm install commander.");
      return exitCodes.failure;
    }
    let code: number = exitCodes.ok;
    const command = program.buildProgram(io, json, (result) => {
      code = result;
    });
    if (argv.length === 0) {
      command.outputHelp({ error: true });
      return exitCodes.usage;
    }
    await command.parseAsync([...argv], { from: "user" });
    return code;
  } catch (error) {
    const stop = commanderStop(error);
    if (stop === undefined) return reportError(error, io, json);
    if (stop.exitCode === 0) return exitCodes.ok;
    if (json) printJson(io, { event: "error", error: "usage", message: stop.message.replace(/^error: /, "") });
    return exitCodes.usage;
  }
}

/** The commands, or undefined where the optional package that parses command lines is not installed. */
async function loadProgram() {
  try {
    return await import("./program.js");
  } catch (error) {
    const missing = error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND";
    if (missing && error.message.includes("'commander'")) return undefined;
    throw error;
  }
}

/** Commander ends by throwing: after help and version with exit code 0, after a mistake with another. */
function commanderStop(error: unknown): { exitCode: number; message: string } | undefined {
  if (!(error instanceof Error && "exitCode" in error && "code" in error)) return undefined;
  if (typeof error.exitCode !== "number" || !String(error.code).startsWith("commander.")) return undefined;
  return { exitCode: error.exitCode, message: error.message };
}

/** Runs the command line of this process. */
export async function run(): Promise<void> {
  // `fovea data | head -1` closes our output early: that is no error.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(exitCodes.ok);
    throw error;
  });
  process.exitCode = await main(process.argv.slice(2));
}
