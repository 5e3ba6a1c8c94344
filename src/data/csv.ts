import { fail } from "../core/errors.js";

/** Cells of a line; more are refused. */
const mostColumns = 100_000;

/**
 * Reads comma-separated values (RFC 4180): lines of cells; cells in double quotes may hold commas, line ends and, doubled,
 * quotes. Every line has as many cells as the first. Empty lines are left out.
 *
 * Errors: code "format", with the line's number.
 *
 * @example parseCsv('file,label\n"a, b.png",cat\n', "pets.csv") // [["file", "label"], ["a, b.png", "cat"]]
 */
export function parseCsv(text: string, where: string, separator = ","): string[][] {
  const lines: string[][] = [];
  let line = 1;
  let at = text.charCodeAt(0) === 0xfeff ? 1 : 0;
  while (at < text.length) {
    const cells: string[] = [];
    const began = line;
    for (;;) {
      let cell = "";
      if (text[at] === '"') {
        const end = closingQuote(text, at + 1);
        if (end < 0) failCsv(where, began, "a quote is not closed");
        cell = text.slice(at + 1, end).replaceAll('""', '"');
        line += cell.split("\n").length - 1;
        at = end + 1;
      } else {
        const start = at;
        while (at < text.length && text[at] !== separator && text[at] !== "\n" && text[at] !== "\r") at++;
        cell = text.slice(start, at);
      }
      cells.push(cell);
      if (cells.length > mostColumns) failCsv(where, began, `there are more than ${mostColumns} cells`);
      if (text[at] !== separator) break;
      at++;
    }
    if (text[at] === "\r") at++;
    if (at < text.length && text[at] !== "\n" && text[at - 1] !== "\r")
      failCsv(where, line, "text follows a closed quote");
    if (text[at] === "\n") at++;
    line++;
    if (cells.length === 1 && cells[0] === "") continue;
    if (lines.length > 0 && cells.length !== lines[0]!.length) {
      failCsv(where, began, "another number of cells", `${lines[0]!.length}`, `${cells.length}`);
    }
    lines.push(cells);
  }
  return lines;
}

function closingQuote(text: string, from: number): number {
  for (let at = text.indexOf('"', from); at >= 0; at = text.indexOf('"', at + 2)) {
    if (text[at + 1] !== '"') return at;
  }
  return -1;
}

function failCsv(where: string, line: number, problem: string, expected?: string, received?: string): never {
  fail({ code: "format", where: `${where}, line ${line}`, problem, expected, received });
}
