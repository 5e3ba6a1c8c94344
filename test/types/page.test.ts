import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { root } from "../harness/generated.js";
import { complaintsAbout } from "../harness/snippets.js";

const typeOf = /^\/\/ (\w+): (.+)$/gm;

/** What the comments of a program say beside types of its variables, on one line. */
function saidIn(program: string): string {
  const comments = program.replace(typeOf, "").matchAll(/^\/\/ (.*)$/gm);
  return [...comments].map(([, text]) => text).join(" ");
}

it("docs/shapes.md says what the compiler says", () => {
  const page = readFileSync(`${root}docs/shapes.md`, "utf8");
  const programs = [...page.matchAll(/```ts\n(.*?)```/gs)].map(([, program]) => program!);
  expect(programs.length).toBe(5);
  const snippets = programs.map((program) =>
    program.replace(typeOf, (_, name, type) => `holds<Equal<typeof ${name}, ${type}>>();`),
  );
  const complaints = complaintsAbout("page", snippets);
  expect(complaints.map((list) => list.map(({ message }) => message).join())).toEqual(programs.map(saidIn));
});
