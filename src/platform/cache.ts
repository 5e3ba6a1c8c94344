import { platform } from "#platform";

/** A path in fovea's cache: $FOVEA_CACHE, or `fovea` in the user's cache. Undefined in a browser. */
export function cachePath(path: string): string | undefined {
  const { directories } = platform;
  if (directories === undefined) return undefined;
  return directories.resolve(platform.env("FOVEA_CACHE") ?? directories.resolve(directories.cache(), "fovea"), path);
}
