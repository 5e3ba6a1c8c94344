import { bench } from "./bench.js";

// workers wait for their next step, so the process would not end of itself
process.exitCode = await bench(process.argv.slice(2), { write: console.log, note: console.error });
