import { expect, it } from "vitest";
import { root } from "../harness/generated.js";
import { layersPage } from "./layersPage.js";
import { operationsPage } from "./operationsPage.js";

/** Pages that are made from the sources. `npm run docs` writes them anew. */
const pages = { "layers.md": layersPage, "operations.md": operationsPage };

it.each(Object.entries(pages))("docs/%s is up to date", async (name, page) => {
  await expect(page()).toMatchFileSnapshot(`${root}docs/${name}`);
});
