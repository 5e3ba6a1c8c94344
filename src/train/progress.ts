import { platform } from "#platform";
import { checkOptions } from "../core/errors.js";
import type { Callback, EpochLog, RunEnd, StepLog } from "./callbacks.js";

/** What progress is written to: `process.stderr`, or anything like it. */
export interface ProgressStream {
  write(text: string): unknown;
  /** Whether a person looks at it through a terminal, where a line can be drawn again. */
  readonly isTTY?: boolean;
  /** Width of the terminal, which may change while training goes on. */
  readonly columns?: number;
}

export interface ProgressOptions {
  /** Default: `process.stderr`; without a process (in a browser), nothing is shown. */
  readonly stream?: ProgressStream;
  /** Milliseconds, monotonic. Default: the platform's clock. */
  readonly now?: () => number;
  /** Width to use in place of the stream's. */
  readonly columns?: number;
  /** Draw with box characters. Default: where `LC_ALL`, `LC_CTYPE` or `LANG` says UTF-8. */
  readonly unicode?: boolean;
  /** Default: on a terminal, unless `NO_COLOR` is set. */
  readonly color?: boolean;
}

/** Milliseconds between two drawings: a flicker-free 15 per second. */
const drawEvery = 1000 / 15;

const longestBar = 24;
const shortestBar = 8;

const csi = "\u001b[";
const hideCursor = `${csi}?25l`;
const showCursor = `${csi}?25h`;
/** From the cursor to the end of the screen: the rest of a longer line, also where a narrower terminal has wrapped it. */
const clearBelow = `${csi}J`;

/** A piece of a line. Pieces of the highest `drop` go first where the terminal is too narrow; 0 always stays. */
interface Part {
  readonly text: string;
  /** `text` with colours; they do not count for the width. */
  readonly styled?: string;
  readonly drop: number;
}

/**
 * Shows how training goes on. On a terminal, one line per epoch that redraws itself and stays as the epoch's result;
 * elsewhere (a file, a pipe, CI), one plain line per epoch. A last line says why training ended and which epoch's
 * weights the model has.
 *
 * @example
 * net.fit(digits.train, {
 *   loss: "crossEntropy", optimizer: adam(),
 *   progress: false, callbacks: [progressBar({ stream: process.stdout })],
 * });
 */
export function progressBar(options: ProgressOptions): Callback {
  checkOptions("progressBar", options, ["stream", "now", "columns", "unicode", "color"]);
  const stream = options.stream ?? (typeof process === "undefined" ? undefined : process.stderr);
  if (stream === undefined) return {};
  const now = options.now ?? platform.now;
  const live = stream.isTTY === true && platform.env("TERM") !== "dumb";
  const style = styles(options.color ?? (live && platform.env("NO_COLOR") === undefined));
  const bar = (options.unicode ?? usesUtf8()) ? unicodeBar : asciiBar;
  const width = () => options.columns ?? stream.columns ?? 80;
  let unit = "img/s";
  let epochs = 1;
  let drawn = Number.NEGATIVE_INFINITY;
  let shownLength = 0;
  let release = () => {};

  /** Goes back to where the live line starts: up, if the terminal became narrower and wrapped it. */
  const erase = () => {
    const rows = Math.floor(Math.max(0, shownLength - 1) / Math.max(1, width()));
    shownLength = 0;
    return `${rows > 0 ? `${csi}${rows}A` : ""}\r${clearBelow}`;
  };
  const writeLine = (parts: readonly Part[]) => {
    const line = live ? join(fit(parts, width())) : { styled: join(parts).text };
    stream.write(`${live ? erase() : ""}${line.styled}\n`);
  };

  return {
    onStart(run) {
      unit = run.network.inputs[0]?.shape.length === 3 ? "img/s" : "ex/s";
      epochs = run.epochs;
      drawn = Number.NEGATIVE_INFINITY;
      release();
      if (live) release = holdCursor(stream);
    },

    onFailure() {
      if (shownLength > 0) stream.write("\n");
      shownLength = 0;
      release();
    },

    onStep(log) {
      if (!live || now() - drawn < drawEvery) return;
      drawn = now();
      // One column stays free: a full line would make some terminals wrap.
      const { text, styled } = liveLine(log, unit, width() - 1, style, bar);
      stream.write(`${erase()}${styled}`);
      shownLength = text.length;
    },

    onEpoch(log) {
      writeLine(epochParts(log, epochs, unit, style));
    },

    onEnd(end) {
      stream.write(`${live ? erase() : ""}${endLine(end, epochs)}\n`);
      release();
    },
  };
}

function liveLine(
  log: StepLog,
  unit: string,
  width: number,
  style: Style,
  bar: typeof unicodeBar,
): { text: string; styled: string } {
  const { step, steps, examples, seconds, loss, accuracy } = log;
  const rate = seconds > 0 ? examples / seconds : 0;
  const left = step > 0 ? (seconds / step) * (steps - step) : undefined;
  const parts: Part[] = [
    { text: epochLabel(log.epoch, log.epochs), drop: 0 },
    { text: `${String(step).padStart(String(steps).length)}/${steps}`, drop: 3 },
    { text: `${formatCount(Math.round(rate))} ${unit}`, drop: 4 },
    labelled("loss", formatLoss(loss), 0, style),
    ...(accuracy === undefined ? [] : [labelled("acc", formatPercent(accuracy), 1, style)]),
    ...(left === undefined ? [] : [{ text: `ETA ${formatClock(left)}`, drop: 2 }]),
  ];
  const short = fit(parts, width - shortestBar - 1, 1);
  const room = width - join(short).text.length - 1;
  if (room < shortestBar) return join(fit(parts, width));
  const length = Math.min(longestBar, room);
  const [done, rest] = bar(steps > 0 ? step / steps : 1, length);
  const [head, ...others] = short;
  const tail = join(others);
  return {
    text: `${head!.text} ${done}${rest} ${tail.text}`,
    styled: `${head!.text} ${style("green", done)}${style("dim", rest)} ${tail.styled}`,
  };
}

function epochParts(log: EpochLog, epochs: number, unit: string, style: Style): Part[] {
  const { accuracy, validationLoss, validationAccuracy } = log;
  return [
    { text: epochLabel(log.epoch, epochs), drop: 0 },
    labelled("loss", formatLoss(log.loss), validationLoss === undefined ? 0 : 1, style),
    ...(accuracy === undefined ? [] : [labelled("acc", formatPercent(accuracy), 2, style)]),
    ...(validationLoss === undefined ? [] : [labelled("val loss", formatLoss(validationLoss), 0, style)]),
    ...(validationAccuracy === undefined ? [] : [labelled("val acc", formatPercent(validationAccuracy), 0, style)]),
    { text: formatSeconds(log.seconds), drop: 3 },
    { text: `${formatCount(Math.round(log.examplesPerSecond))} ${unit}`, drop: 4 },
  ];
}

function endLine({ epochs: done, stopped, weightsOfEpoch, seconds }: RunEnd, epochs: number): string {
  const weights =
    weightsOfEpoch === done ? "weights of the last epoch" : `weights of epoch ${weightsOfEpoch}, the best`;
  const time = formatSeconds(seconds);
  if (stopped === undefined)
    return `finished ${done} ${done === 1 ? "epoch" : "epochs"} in ${time}; kept the ${weights}`;
  return `stopped after epoch ${done} of ${epochs} (${time}): ${stopped}; kept the ${weights}`;
}

function epochLabel(epoch: number, epochs: number): string {
  return `epoch ${String(epoch).padStart(String(epochs).length)}/${epochs}`;
}

function labelled(label: string, value: string, drop: number, style: Style): Part {
  return { text: `${label} ${value}`, styled: `${style("dim", label)} ${value}`, drop };
}

const gap = "  ";

function join(parts: readonly Part[]): { text: string; styled: string } {
  return {
    text: parts.map(({ text }) => text).join(gap),
    styled: parts.map(({ text, styled = text }) => styled).join(gap),
  };
}

/** Leaves out parts, and cuts what still does not fit. Parts with `drop` at most `keep` are neither. */
function fit(parts: readonly Part[], width: number, keep = 0): readonly Part[] {
  let rest = parts;
  while (join(rest).text.length > width) {
    const drop = Math.max(...rest.map((part) => part.drop));
    if (drop <= keep) break;
    rest = rest.filter((part) => part.drop < drop);
  }
  const { text } = join(rest);
  return text.length <= width || keep > 0 ? rest : [{ text: text.slice(0, Math.max(0, width)), drop: 0 }];
}

/** `━━━━╸───`: the done part and the rest, `length` characters together, in halves of a character. */
function unicodeBar(fraction: number, length: number): [done: string, rest: string] {
  const halves = Math.round(Math.min(1, Math.max(0, fraction)) * length * 2);
  const done = "━".repeat(halves >> 1) + (halves % 2 === 1 ? "╸" : "");
  return [done, "─".repeat(length - done.length)];
}

function asciiBar(fraction: number, length: number): [done: string, rest: string] {
  const done = Math.round(Math.min(1, Math.max(0, fraction)) * length);
  return ["=".repeat(done), "-".repeat(length - done)];
}

type Style = (kind: "green" | "dim", text: string) => string;

function styles(color: boolean): Style {
  const codes = { green: 32, dim: 2 };
  return (kind, text) => (color && text !== "" ? `${csi}${codes[kind]}m${text}${csi}0m` : text);
}

/** What the terminal can show, by the locale; Windows has no such variables, and its terminals show Unicode. */
export function usesUtf8(): boolean {
  if (typeof process !== "undefined" && process.platform === "win32") return true;
  const locale = platform.env("LC_ALL") ?? platform.env("LC_CTYPE") ?? platform.env("LANG") ?? "";
  return /utf-?8/i.test(locale);
}

/**
 * Hides the cursor, and sees to it that it comes back however the process ends: the returned function shows it, and so
 * do the process's exit and, where nobody else handles them, its signals.
 */
function holdCursor(stream: ProgressStream): () => void {
  stream.write(hideCursor);
  if (typeof process === "undefined") return () => stream.write(showCursor);
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  const onExit = () => stream.write(showCursor);
  const onSignal = (signal: NodeJS.Signals) => {
    if (process.listenerCount(signal) > 1) return;
    release();
    stream.write("\n");
    process.kill(process.pid, signal);
  };
  let held = true;
  const release = () => {
    if (!held) return;
    held = false;
    stream.write(showCursor);
    process.off("exit", onExit);
    for (const signal of signals) process.off(signal, onSignal);
  };
  process.on("exit", onExit);
  for (const signal of signals) process.on(signal, onSignal);
  return release;
}

/** `0.2134`, `12.0312`, `1.235e+4`, `2.31e-5`. */
function formatLoss(loss: number): string {
  if (!Number.isFinite(loss) || loss === 0) return String(loss);
  const size = Math.abs(loss);
  if (size < 0.001) return loss.toExponential(2);
  return size < 1000 ? loss.toFixed(4) : loss.toPrecision(4);
}

/** `93.51 %` */
function formatPercent(fraction: number): string {
  return `${(100 * fraction).toFixed(2)} %`;
}

/** `12,345` */
function formatCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** `0:04`, `12:30`, `1:02:03` */
function formatClock(seconds: number): string {
  const whole = Math.ceil(seconds);
  const two = (value: number) => String(value).padStart(2, "0");
  const minutes = Math.floor(whole / 60) % 60;
  const hours = Math.floor(whole / 3600);
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** `0.42 s`, `12.3 s`, `3 min 5 s`, `1 h 2 min` */
export function formatSeconds(seconds: number): string {
  if (seconds < 59.95) return `${seconds < 9.995 ? seconds.toFixed(2) : seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
