/** Text that is HTML already. */
export class Html {
  constructor(readonly text: string) {}
}

type Part = Html | string | number | undefined | readonly Part[];

/** Puts values into HTML: text is escaped, HTML is not, lists follow one another, undefined is nothing. */
export function html(pieces: TemplateStringsArray, ...values: readonly Part[]): Html {
  return new Html(pieces.reduce((text, piece, i) => text + textOf(values[i - 1]) + piece));
}

function textOf(part: Part): string {
  if (part === undefined) return "";
  if (part instanceof Html) return part.text;
  if (typeof part === "object") return part.map(textOf).join("");
  return escapeHtml(String(part));
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (letter) => entities[letter]!);
}

export interface TableOptions {
  /** What the table is, for those who hear it. */
  readonly caption: string;
  /** Titles that begin with ">" are of numbers, which stand on the right. */
  readonly titles: readonly string[];
  readonly rows: readonly (readonly Part[])[];
  /** The last row, told apart. */
  readonly total?: readonly Part[];
}

/** A table whose first cells name their rows. */
export function table({ caption, titles, rows, total }: TableOptions): Html {
  const side = titles.map((title) => (title.startsWith(">") ? html` class="number"` : undefined));
  const line = (cells: readonly Part[]) =>
    html`<tr>${cells.map((cell, i) => (i === 0 ? html`<th scope="row">${cell}</th>` : html`<td${side[i]}>${cell}</td>`))}</tr>`;
  const head = titles.map((title, i) => html`<th scope="col"${side[i]}>${title.replace(/^>/, "")}</th>`);
  const body = html`<thead><tr>${head}</tr></thead>
<tbody>${rows.map(line)}</tbody>${total === undefined ? undefined : html`<tfoot>${line(total)}</tfoot>`}`;
  return captioned(caption, html`<table>${body}</table>`);
}

/** What is wider than the page moves within it; its caption stays. */
export function captioned(caption: string, content: Html): Html {
  return html`<figure><figcaption>${caption}</figcaption><div class="wide" tabindex="0" role="group" aria-label="${caption}">${content}</div></figure>
`;
}

/** Names and values, as few as fit on a card each. */
export function facts(rows: readonly (readonly [name: string, value: Part])[]): Html {
  return html`<dl class="facts">${rows.map(([name, value]) => html`<div><dt>${name}</dt><dd>${breakable(value)}</dd></div>`)}</dl>`;
}

/** A text whose long names may break between their words, as validation|Accuracy. */
function breakable(value: Part): Part {
  if (typeof value !== "string") return value;
  return value.split(/(?<=[a-z])(?=[A-Z])/).map((word, i) => (i === 0 ? word : html`<wbr>${word}`));
}

/** A sentence's beginning. */
export const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** `10,000` */
export const count = (value: number): string => value.toLocaleString("en");
