import { readFile } from "node:fs/promises";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".wasm": "application/wasm",
};

/** What makes a page cross-origin isolated. */
export const isolation = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

/** Serves directories, each by the first part of the path, on a free port of this machine. */
export async function serve(directories: Readonly<Record<string, string>>, headers: Readonly<Record<string, string>>) {
  const answer = async (path: string, response: ServerResponse) => {
    const [, first = "", ...rest] = path.split("/");
    const directory = directories[first];
    if (directory === undefined || rest.includes("..")) throw new Error(`nothing at ${path}`);
    const content = await readFile(join(directory, ...rest));
    response.writeHead(200, { "Content-Type": types[extname(path)] ?? "application/octet-stream", ...headers });
    response.end(content);
  };
  const server = createServer(({ url }, response) => {
    answer(new URL(url ?? "/", "http://localhost").pathname, response).catch(() => {
      response.writeHead(404).end();
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}
