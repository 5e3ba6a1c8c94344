import { basename, dirname, relative, sep } from "node:path";

/** How this user starts fovea, for commands to copy: `fovea`, `npx fovea`, or `node bin/fovea.js` in a checkout. */
export function invocation(script: string | undefined = process.argv[1]): string {
  if (script === undefined || basename(script) !== "fovea.js") {
    return script !== undefined && dirname(script).endsWith(`node_modules${sep}.bin`) ? "npx fovea" : "fovea";
  }
  const path = relative(process.cwd(), script);
  return `node ${path.startsWith("..") ? script : path}`;
}
