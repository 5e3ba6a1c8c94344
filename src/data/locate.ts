import { platform } from "#platform";
import { FoveaError, fail } from "../core/errors.js";
import { cachePath } from "../platform/cache.js";
import { type DownloadOptions, download, type PublishedFile } from "./download.js";
import { gunzip, isGzip } from "./gzip.js";

/** A published data set: files, each packed with gzip, and the places they are looked for in. */
export interface DataSource {
  /** As users call it, e.g. "Fashion-MNIST". */
  readonly name: string;
  /** Folders inside a data directory; the first is ours, others are those of well-known programs. */
  readonly folders: readonly string[];
  /** Where it is published: the address of the files without their name, ending in "/". */
  readonly url: string;
}

export interface LocateOptions extends DownloadOptions {
  /** Another address to download from, ending in "/". */
  url?: string;
  /** What to do instead, for the message when the file cannot be had. */
  alternative?: string;
}

export interface LocatedFile {
  /** The content, decompressed. */
  readonly bytes: Uint8Array;
  /** The file or address it was read from. */
  readonly path: string;
  /** The place, in plain words: "../shared/data", "/home/ada/.cache/fovea/data". */
  readonly place: string;
}

/** No file of a data set decompresses to more: 256 MiB. */
const largest = 2 ** 28;

/**
 * Finds a file of a data set. In this order: the directory `FOVEA_DATA`; the user's cache; `../shared/data` beside the
 * working directory and beside the checkout; the official download, which is kept in the cache (unless
 * `FOVEA_OFFLINE=1`). Local files may also be decompressed, without ".gz". What is found but cannot be read is an
 * error, not a reason to look on.
 */
export async function locateFile(
  source: DataSource,
  file: PublishedFile,
  options: LocateOptions = {},
): Promise<LocatedFile> {
  const looked: string[] = [];
  for (const { place, directories } of localPlaces(source, looked)) {
    const path = await findIn(directories, file.name);
    if (path !== undefined) return { bytes: await readUnpacked(path), path, place };
    looked.push(`${directories[0]} (not there)`);
  }
  const url = `${options.url ?? source.url}${file.name}`;
  if (platform.env("FOVEA_OFFLINE") === "1") {
    looked.push(`${url} (not asked: FOVEA_OFFLINE is 1)`);
  } else {
    try {
      return await fetchFile(source, url, file, options);
    } catch (error) {
      if (!(error instanceof FoveaError && error.code === "data")) throw error;
      looked.push(`${url} (${error.problem})`);
    }
  }
  const local =
    platform.directories === undefined
      ? ""
      : `set FOVEA_DATA to a directory with ${source.folders[0]}/${file.name}, or `;
  const fix = `${local}connect to the network once${options.alternative === undefined ? "" : `; ${options.alternative}`}`;
  fail({
    code: "data",
    where: source.name,
    problem: `${file.name} is in none of the places looked at: ${looked.join(", ")}`,
    fix: fix.charAt(0).toUpperCase() + fix.slice(1),
  });
}

export interface LocatedFolder {
  readonly directory: string;
  readonly place: string;
  /** Names of the files asked for, sorted. */
  readonly names: readonly string[];
}

/** Finds the folder of a data set that has files of its kind, in the places of {@link locateFile}; downloads nothing. */
export async function locateFolder(
  source: DataSource,
  isWanted: (name: string) => boolean,
): Promise<LocatedFolder | undefined> {
  for (const { place, directories } of localPlaces(source, [])) {
    for (const directory of directories) {
      if (!(await platform.files.exists(directory))) continue;
      const names = (await platform.files.list(directory)).filter(isWanted);
      if (names.length > 0) return { directory, place, names };
    }
  }
  return undefined;
}

/** The directory of fovea's cache for data sets: $FOVEA_CACHE/data, or fovea/data in the user's cache. */
export function dataCache(): string | undefined {
  return cachePath("data");
}

interface Place {
  readonly place: string;
  /** Folders to look in, the one to name first. */
  readonly directories: readonly string[];
}

function localPlaces(source: DataSource, looked: string[]): Place[] {
  const { directories } = platform;
  const cache = dataCache();
  if (directories === undefined || cache === undefined) return [];
  const within = (root: string) => source.folders.map((folder) => directories.resolve(root, folder));
  const places: Place[] = [];
  const own = platform.env("FOVEA_DATA");
  if (own === undefined) {
    looked.push("FOVEA_DATA (not set)");
  } else {
    // All MNIST-like sets use the same file names, so a directory counts as the set itself only by its name.
    const root = directories.resolve(own);
    const path = root.replaceAll("\\", "/");
    const isSet = source.folders.some((folder) => path.endsWith(`/${folder}`));
    places.push({ place: root, directories: isSet ? [root, ...within(root)] : within(root) });
  }
  places.push({ place: cache, directories: within(cache) });
  const shared = [directories.working(), directories.packageRoot()].map((root) =>
    directories.resolve(root, "../shared/data"),
  );
  for (const root of new Set(shared)) places.push({ place: "../shared/data", directories: within(root) });
  return places;
}

/** `name` in one of `directories`, packed or not. */
async function findIn(directories: readonly string[], name: string): Promise<string | undefined> {
  for (const directory of directories) {
    for (const path of [`${directory}/${name}`, `${directory}/${name.replace(/\.gz$/, "")}`]) {
      if (await platform.files.exists(path)) return path;
    }
  }
  return undefined;
}

/** A file's bytes, decompressed if need be. */
export async function readUnpacked(path: string): Promise<Uint8Array> {
  const bytes = await platform.files.read(path);
  return path.endsWith(".gz") || isGzip(bytes) ? gunzip(bytes, path, largest) : bytes;
}

/** Downloads into the cache; where the cache cannot be written to, only into memory, and `place` says so. */
async function fetchFile(
  source: DataSource,
  url: string,
  file: PublishedFile,
  options: LocateOptions,
): Promise<LocatedFile> {
  const cache = dataCache();
  let path: string | undefined;
  let place = options.url ?? source.url;
  if (cache !== undefined) {
    const directory = `${cache}/${source.folders[0]}`;
    try {
      await platform.files.checkWritable(directory);
      path = `${directory}/${file.name}`;
    } catch (error) {
      if (!(error instanceof FoveaError)) throw error;
      place = `${place}, not kept: ${error.where} ${error.problem}`;
    }
  }
  const packed = await download(url, file, path, options);
  return { bytes: await gunzip(packed, url, largest), path: path ?? url, place };
}
