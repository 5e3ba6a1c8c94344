import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { uniformAt } from "../../src/core/random.js";
import { type DataSource, type LocateOptions, locateFile } from "../../src/data/locate.js";
import { messageOf } from "./messages.js";

const plain = Uint8Array.from({ length: 30_000 }, (_, i) => 256 * uniformAt([1, 2], i));
const packed = new Uint8Array(gzipSync(plain));
const file = {
  name: "numbers-idx1-ubyte.gz",
  bytes: packed.length,
  sha256: createHash("sha256").update(packed).digest("hex"),
};

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

let root: string;
let server: Server;
let url: string;
let requests: (string | undefined)[];
let answer: Answer;

/** A name that no shared data has, so that only what a test puts there is found. */
const source = (): DataSource => ({ name: "Numbers", folders: ["numbers-for-tests", "Numbers/raw"], url });
const cached = () => join(root, "cache/data/numbers-for-tests", file.name);
const locate = (options: LocateOptions = {}) => locateFile(source(), file, options);

/** A server that does as it should: whole files, or from where the request says. */
const serve: Answer = (request, response) => {
  const start = Number(/bytes=(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? 0);
  const range = start > 0 ? { "content-range": `bytes ${start}-${packed.length - 1}/${packed.length}` } : {};
  response.writeHead(start > 0 ? 206 : 200, range);
  response.end(packed.subarray(start));
};

/** Sends `length` bytes from where the request says, then breaks the connection. */
const breakAfter =
  (length: number): Answer =>
  (request, response) => {
    const start = Number(/bytes=(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? 0);
    response.writeHead(start > 0 ? 206 : 200, {
      "content-length": packed.length - start,
      "content-range": `bytes ${start}-${packed.length - 1}/${packed.length}`,
    });
    response.write(packed.subarray(start, start + length), () => setTimeout(() => response.destroy(), 20));
  };

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "fovea-locate-"));
  requests = [];
  answer = serve;
  server = createServer((request, response) => {
    requests.push(request.headers.range);
    answer(request, response);
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  process.env.FOVEA_CACHE = join(root, "cache");
  process.env.FOVEA_DATA = join(root, "data");
  delete process.env.FOVEA_OFFLINE;
});

afterEach(async () => {
  for (const name of ["FOVEA_CACHE", "FOVEA_DATA", "FOVEA_OFFLINE"]) delete process.env[name];
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
  await rm(root, { recursive: true, force: true });
});

async function put(path: string, bytes: Uint8Array): Promise<string> {
  await mkdir(join(path, ".."), { recursive: true });
  await writeFile(path, bytes);
  return path;
}

describe("places", () => {
  test("FOVEA_DATA comes first, packed or not, in our layout or torchvision's", async () => {
    const names = ["numbers-for-tests/numbers-idx1-ubyte.gz", "numbers-for-tests/numbers-idx1-ubyte"];
    await put(cached(), packed);
    for (const name of [...names, "Numbers/raw/numbers-idx1-ubyte"]) {
      const path = await put(join(root, "data", name), name.endsWith(".gz") ? packed : plain);
      expect(await locate()).toEqual({ bytes: plain, path, place: join(root, "data") });
      await rm(path);
    }
    expect(requests).toEqual([]);
  });

  test("FOVEA_DATA may be the folder of the set itself, but only by its name", async () => {
    const path = await put(join(root, "x/numbers-for-tests/numbers-idx1-ubyte"), plain);
    process.env.FOVEA_DATA = join(root, "x/numbers-for-tests");
    expect((await locate()).path).toBe(path);
    await put(join(root, "y/numbers-idx1-ubyte"), new Uint8Array(1));
    process.env.FOVEA_DATA = join(root, "y");
    expect((await locate()).place).toBe(url);
  });

  test("then the cache", async () => {
    await put(cached(), packed);
    expect(await locate()).toEqual({ bytes: plain, path: cached(), place: join(root, "cache/data") });
    expect(requests).toEqual([]);
  });

  test("a damaged file is an error, not a reason to look on", async () => {
    const path = await put(join(root, "data/numbers-for-tests/numbers-idx1-ubyte.gz"), packed.subarray(0, 100));
    await put(cached(), packed);
    expect(await messageOf(() => locate())).toBe(
      `${path}: the gzip file is truncated or damaged (received 100 bytes). Get the file again.`,
    );
  });

  test("FOVEA_OFFLINE keeps from downloading, and the error lists every place", async () => {
    process.env.FOVEA_OFFLINE = "1";
    const shared = join(process.cwd(), "../shared/data/numbers-for-tests");
    expect(await messageOf(() => locate())).toBe(
      "Numbers: numbers-idx1-ubyte.gz is in none of the places looked at: " +
        `${root}/data/numbers-for-tests (not there), ${root}/cache/data/numbers-for-tests (not there), ` +
        `${shared} (not there), ${url}numbers-idx1-ubyte.gz (not asked: FOVEA_OFFLINE is 1). ` +
        "Set FOVEA_DATA to a directory with numbers-for-tests/numbers-idx1-ubyte.gz, " +
        "or connect to the network once.",
    );
    delete process.env.FOVEA_DATA;
    expect(await messageOf(() => locate({ alternative: "digits() goes on" }))).toMatch(
      /looked at: FOVEA_DATA \(not set\), .+connect to the network once; digits\(\) goes on\.$/,
    );
    expect(requests).toEqual([]);
  });
});

describe("download", () => {
  test("keeps the file in the cache and tells how far it is", async () => {
    const seen: number[] = [];
    const found = await locate({ onProgress: ({ received, total }) => seen.push(received / total) });
    expect(found).toEqual({ bytes: plain, path: cached(), place: url });
    expect(seen.at(-1)).toBe(1);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(new Uint8Array(await readFile(cached()))).toEqual(packed);
    expect(await readdir(join(cached(), ".."))).toEqual([file.name]);
    expect((await locate()).place).toBe(join(root, "cache/data"));
    expect(requests).toEqual([undefined]);
  });

  test("from another address", async () => {
    const other = { ...source(), url: "http://127.0.0.1:1/" };
    expect((await locateFile(other, file, { url })).bytes).toEqual(plain);
  });

  test("goes on by itself after a break", async () => {
    answer = (request, response) => {
      answer = serve;
      breakAfter(1000)(request, response);
    };
    expect((await locate()).bytes).toEqual(plain);
    expect(requests).toEqual([undefined, "bytes=1000-"]);
  });

  test("a server that always stops midway: what came is kept for the next time", async () => {
    answer = breakAfter(1000);
    expect(await messageOf(() => locate())).toContain(
      `${url}numbers-idx1-ubyte.gz (the connection was closed too early)`,
    );
    expect(requests).toEqual([undefined, "bytes=1000-", "bytes=2000-", "bytes=3000-"]);
    expect((await readFile(`${cached()}.part`)).length).toBe(4000);
    answer = serve;
    expect((await locate()).bytes).toEqual(plain);
    expect(requests.at(-1)).toBe("bytes=4000-");
    expect(await readdir(join(cached(), ".."))).toEqual([file.name]);
  });

  test("a server without ranges starts from the beginning", async () => {
    await put(`${cached()}.part`, packed.subarray(0, 500));
    answer = (_, response) => response.end(packed);
    expect((await locate()).bytes).toEqual(plain);
  });

  test("a kept part that does not belong is dropped", async () => {
    await put(`${cached()}.part`, new Uint8Array(500));
    expect((await locate()).bytes).toEqual(plain);
    expect(requests).toEqual(["bytes=500-", undefined]);
    await rm(cached());
    await put(`${cached()}.part`, new Uint8Array(packed.length + 1));
    expect((await locate()).bytes).toEqual(plain);
  });

  test("a file with the wrong content is refused and not kept", async () => {
    const wrong = packed.slice();
    wrong[100] ^= 1;
    answer = (_, response) => response.end(wrong);
    expect(await messageOf(() => locate())).toContain("(the file is not the published one: its SHA-256 differs)");
    expect(await readdir(join(cached(), ".."))).toEqual([]);
    answer = (_, response) => response.end(new Uint8Array([...packed, 0]));
    expect(await messageOf(() => locate())).toContain("(the file is not the published one: it is too long)");
    expect(await readdir(join(cached(), ".."))).toEqual([]);
  });

  test("a file that is not there, and a host that does not answer", async () => {
    answer = (_, response) => response.writeHead(404).end("no such page");
    expect(await messageOf(() => locate())).toContain("(the server answered 404 Not Found)");
    answer = () => {};
    expect(await messageOf(() => locate({ connectTimeout: 100 }))).toContain("(no answer within 0.1 s)");
    answer = (_, response) => response.write(packed.subarray(0, 10));
    expect(await messageOf(() => locate({ stallTimeout: 100 }))).toContain("(nothing more came within 0.1 s)");
    expect(await messageOf(() => locate({ url: "http://127.0.0.1:1/" }))).toMatch(
      /http:\/\/127\.0\.0\.1:1\/numbers-idx1-ubyte\.gz \((the host refuses the connection|bad port)\)/,
    );
  });

  test("a cache that cannot be written to: the file is had all the same, and the place says so", async () => {
    await put(join(root, "cache"), new Uint8Array(0));
    const found = await locate();
    expect(found.bytes).toEqual(plain);
    const directory = join(root, "cache/data/numbers-for-tests");
    expect(found.place).toBe(
      `${url}, not kept: ${directory} cannot be made because a part of the path is a file, not a directory`,
    );
  });
});
