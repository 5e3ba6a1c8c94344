import { extname } from "node:path";
import { platform } from "#platform";
import { fail } from "../core/errors.js";
import { type ThemeName, type View, viewGif, viewPng, viewSvg } from "../inspect/index.js";

/** The name of a picture's file. Errors: code "option" for another ending. */
export function checkPictureName(file: string, where = "--out"): string {
  if ([".svg", ".png", ".gif"].includes(extname(file))) return file;
  return fail({
    code: "option",
    where,
    problem: "is no picture's name",
    expected: "*.svg or *.png, or *.gif for what moves",
    received: file,
  });
}

export async function writePicture(file: string, view: View, theme: ThemeName): Promise<void> {
  const draw = { ".svg": viewSvg, ".gif": viewGif }[extname(file)] ?? viewPng;
  const content = await draw(view, { theme });
  await platform.files.writeAtomic(file, content);
}
