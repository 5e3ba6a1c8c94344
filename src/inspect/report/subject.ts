import type { Dataset } from "../../data/dataset.js";
import type { LossName } from "../../model/losses.js";
import type { EpochLog } from "../../train/callbacks.js";
import type { Model } from "../../train/model.js";
import type { Scored } from "../classes.js";
import type { ViewOptions } from "../probe.js";
import type { Canvas } from "../svg.js";
import type { ReportEffort } from "./effort.js";

/** Names with values, under a heading of their own. */
export interface ReportFacts {
  readonly title: string;
  readonly rows: readonly (readonly [name: string, value: string])[];
}

export interface ReportOptions extends ViewOptions {
  /** Above everything. Default: "Report". */
  readonly title?: string;
  /** Below the title: what was trained on what. Default: the data's source. */
  readonly lead?: string;
  /** The most important numbers, with those that are measured. Default: none. */
  readonly summary?: ReportFacts["rows"];
  /** Settings, environment and their like. Default: none. */
  readonly facts?: readonly ReportFacts[];
  /** How training went. Default: the section says that it is not known. */
  readonly epochs?: readonly EpochLog[];
  /** The epoch whose weights were kept. */
  readonly weightsOfEpoch?: number;
  /** What the loss axis is called. Default: "crossEntropy". */
  readonly loss?: LossName;
  /** A quarter of the effort. Default: false. */
  readonly quick?: boolean;
  /** Test images for tables. Default: as many as a minute suffices for, 10,000 at most. */
  readonly tested?: number;
  /** Test images for curves of noise and movements. Default: …, 1,000 at most. */
  readonly images?: number;
  /** Test images that are attacked. Default: …, 200 at most. */
  readonly attacked?: number;
  /** Decides which images are taken, noise and directions. Default: 0. */
  readonly seed?: number;
  /** Told what is going to be done before anything is. */
  readonly onEffort?: (effort: ReportEffort) => void;
  /** Told of each section before it is made. */
  readonly onSection?: (title: string) => void;
}

/** What sections are made from. */
export interface ReportSubject {
  readonly model: Model;
  readonly canvas: Canvas;
  readonly execution: ViewOptions;
  readonly options: ReportOptions;
  /** Images for tables, for curves, and for attacks. */
  readonly tested: Dataset;
  readonly some: Dataset;
  readonly attacked: Dataset;
  readonly seed: number;
  /** What the classifier says of `tested`, once. Errors: where it is none. */
  readonly scored: () => Promise<Scored>;
}
