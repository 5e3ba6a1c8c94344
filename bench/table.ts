export interface Column {
  readonly title: string;
  /** Characters at least; the title's if that is longer. */
  readonly width: number;
  /** Left-aligned, as the first column is; the others hold numbers. */
  readonly text?: boolean;
}

/** Rows that are written as they come, under a line of titles. */
export class Table {
  constructor(
    readonly columns: readonly Column[],
    readonly write: (line: string) => void,
  ) {
    this.row(columns.map(({ title }) => title));
  }

  row(cells: readonly string[]): void {
    const padded = this.columns.map(({ title, width, text }, i) => {
      const size = Math.max(width, title.length);
      return i === 0 || text === true ? cells[i]!.padEnd(size) : cells[i]!.padStart(size);
    });
    this.write(padded.join("  ").trimEnd());
  }
}

/** Characters of the longest of `texts`. */
export const widest = (texts: readonly string[]): number => Math.max(...texts.map(({ length }) => length));

/** Three digits or more: `0.483`, `12.9`, `145`. */
export function milliseconds(value: number): string {
  return value.toFixed(value < 1 ? 3 : value < 10 ? 2 : value < 100 ? 1 : 0);
}

export const percent = (fraction: number): string => `${(100 * fraction).toFixed(0)} %`;

/** For JSON: nobody needs more digits. */
export const round = (value: number, digits: number): number => Number(value.toFixed(digits));
