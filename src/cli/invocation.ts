import { basename, dirname, relative, sep } from "node:path";

/** How this user starts fovea, for commands to copy: `fovea`, `npx fovea` (in a checkout, too), or by the file's path. */
export function invocation(script: string | undefined = process.argv[1]): string {
  if (script === undefined || basename(script) !== "fovea.js") {
    return script !== undefined && dirname(script).endsWith(`node_modules${sep}.bin`) ? "npx fovea" : "fovea";
  }
  const path = relative(process.cwd(), script);
  if (path === `bin${sep}fovea.js`) return "npx fovea";
  return `node ${path.startsWith("..") ? script : path}`;
}
