import { FoveaError } from "../src/core/errors.js";
import type { Context, Host, Output } from "./context.js";
import { benchLoader } from "./loader.js";
import { measureMachine, nodeHost } from "./machine.js";
import { benchWorkloads } from "./measure.js";
import { benchMicro } from "./micro.js";
import { help, type Options, parseOptions } from "./options.js";
import { benchProfile } from "./profile.js";
import { benchVersusTfjs } from "./versusTfjs.js";
import { benchVersusTorch } from "./versusTorch.js";
import { workloads } from "./workloads.js";

/** The benchmark's command line. Gives the exit code: 0 measured, 1 failed, 2 a mistake in the arguments. */
export async function bench(args: readonly string[], output: Output): Promise<number> {
  try {
    const options = parseOptions(args);
    if (options.mode === "help") {
      output.write(help.trimEnd());
      return 0;
    }
    const host = await openHost(options, output);
    try {
      const peak = await measureMachine(options, host, output);
      const chosen = workloads.filter(({ name }) => options.only.includes(name));
      await benches[options.mode]({ ...output, options, host, peak, workloads: chosen });
    } finally {
      await host.close();
    }
    return 0;
  } catch (error) {
    if (!(error instanceof FoveaError)) throw error;
    output.note(`error: ${error.message}`);
    return error.code === "usage" ? 2 : 1;
  }
}

/** What drives a browser is large, and loaded for that alone. */
async function openHost(options: Options, output: Output): Promise<Host> {
  if (!options.browser) return nodeHost(options);
  const { browserHost } = await import("./browser.js");
  return browserHost(options, output);
}

const benches: Readonly<Record<string, (context: Context) => Promise<void>>> = {
  workloads: benchWorkloads,
  "vs-torch": benchVersusTorch,
  "vs-tfjs": benchVersusTfjs,
  profile: benchProfile,
  micro: benchMicro,
  loader: benchLoader,
};
