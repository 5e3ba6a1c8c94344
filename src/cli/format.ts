import { usesUtf8 } from "../train/progress.js";

/** `10,000` */
export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** `98.12 %` */
export function formatPercent(fraction: number): string {
  return `${(100 * fraction).toFixed(2)} %`;
}

/** `1.9 MB` */
export function formatBytes(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  return `${power === 0 ? bytes : (bytes / 1000 ** power).toFixed(1)} ${units[power]}`;
}

/** Columns side by side; those whose title begins with ">" are right-aligned. */
export function formatTable(titles: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const right = titles.map((title) => title.startsWith(">"));
  const lines = [titles.map((title) => title.replace(/^>/, "")), ...rows];
  const widths = titles.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  return lines.map((line) =>
    line
      .map((cell, column) => (right[column] ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)))
      .join("  ")
      .trimEnd(),
  );
}

/** A bar of `width` characters at most, in eighths of a character where the terminal can show them. */
export function formatBar(fraction: number, width: number): string {
  if (!usesUtf8()) return "#".repeat(Math.round(fraction * width)).padEnd(width);
  const eighths = Math.round(fraction * width * 8);
  const part = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8]!;
  return ("█".repeat(Math.floor(eighths / 8)) + part).padEnd(width);
}
