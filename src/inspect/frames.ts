import { fail } from "../core/errors.js";
import type { FilterEvolution } from "./evolution.js";
import { sketchWindows } from "./gridCharts.js";
import type { MaximizedImage } from "./maximize.js";
import type { View } from "./picture.js";
import { sketchTiles } from "./sheet.js";
import type { Canvas, Sketch } from "./svg.js";
import { evolutionAt, maximizedAt } from "./tiles.js";

type Frame = (canvas: Canvas) => Sketch | Promise<Sketch>;

/** Pictures of a film: more would take long to see, and much memory to join. */
const mostFrames = 150;

/** The pictures of a film, all of one size. Errors: code "unsupported" for a view that does not change. */
export function framesOf(view: View): readonly Frame[] {
  switch (view.view) {
    case "filterEvolution":
      return few(view.steps.map((_, i) => filtersAt(view, i)));
    case "maximizedImage":
      return few(
        (view.frames ?? failStill(view.view, "Make it with keepEvery: 4, for instance")).map((_, i) =>
          imageAt(view, i),
        ),
      );
    case "slidingWindows": {
      const { output } = view;
      return Array.from(
        { length: output[0] * output[1] },
        (_, step) => (canvas: Canvas) => sketchWindows(canvas, view, step),
      );
    }
    default:
      return failStill(view.view);
  }
}

const filtersAt =
  (view: FilterEvolution, i: number): Frame =>
  (canvas) =>
    sketchTiles(canvas, evolutionAt(view, i, canvas.theme.name));

const imageAt =
  (view: MaximizedImage, i: number): Frame =>
  (canvas) =>
    sketchTiles(canvas, maximizedAt(view, i));

/** As many as can be shown, evenly, the last one always. */
function few(frames: readonly Frame[]): readonly Frame[] {
  const step = Math.ceil(frames.length / mostFrames);
  return frames.filter((_, i) => (frames.length - 1 - i) % step === 0);
}

function failStill(view: string, fix?: string): never {
  return fail({
    code: "unsupported",
    where: "film of a view",
    problem: `there is nothing that moves in a view "${view}"`,
    expected: "filters over training, an image made for a unit with its steps, or a sliding window",
    fix,
  });
}
