import { extname } from "node:path";
import { platform } from "#platform";
import { fail } from "../core/errors.js";
import { type ThemeName, type View, viewPng, viewSvg } from "../inspect/index.js";

/** The name of a picture's file. Errors: code "option" for another ending. */
export function checkPictureName(file: string, where = "--out"): string {
  if ([".svg", ".png"].includes(extname(file))) return file;
  return fail({
    code: "option",
    where,
    problem: "is no picture's name",
    expected: "*.svg or *.png",
    received: file,
  });
}

export async function writePicture(file: string, view: View, theme: ThemeName): Promise<void> {
  const content = extname(file) === ".svg" ? await viewSvg(view, { theme }) : await viewPng(view, { theme });
  await platform.files.writeAtomic(file, content);
}
