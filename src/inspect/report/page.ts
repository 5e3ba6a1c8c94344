import { type Theme, themes } from "../svg.js";
import { Html, html } from "./html.js";

/** A part of the report with a heading of its own. */
export interface Section {
  readonly id: string;
  readonly title: string;
  readonly body: Html;
}

/** The theme of drawings within the page: its colours are those that the page has at the moment. */
export const pageTheme: Theme = {
  name: "light",
  background: "var(--background)",
  text: "var(--text)",
  quiet: "var(--quiet)",
  grid: "var(--grid)",
  first: "var(--first)",
  second: "var(--second)",
  third: "var(--third)",
};

const colorNames = ["background", "text", "quiet", "grid", "first", "second", "third"] as const;

function variables(name: "light" | "dark"): string {
  const colors = colorNames.map((color) => `--${color}:${themes[name][color]}`).join(";");
  const shown = name === "light" ? "--on-light:contents;--on-dark:none" : "--on-light:none;--on-dark:contents";
  return `${colors};${shown};--panel:${name === "light" ? "#f6f7f8" : "#1f1f1f"};color-scheme:${name}`;
}

const style = `
:root{${variables("light")}}
@media (prefers-color-scheme:dark){:root:not(:has(#theme-light:checked)){${variables("dark")}}}
:root:has(#theme-dark:checked){${variables("dark")}}
@media print{:root,:root:has(#theme-dark:checked),:root:not(:has(#theme-light:checked)){${variables("light")}}}
*{box-sizing:border-box}
body{margin:0;background:var(--background);color:var(--text);font:16px/1.5 system-ui,"Source Sans 3","DejaVu Sans",sans-serif}
header,main,footer{max-width:68rem;margin:0 auto;padding:0 1rem}
header{padding-top:1.25rem}
h1{font-size:1.6rem;line-height:1.2;margin:0 0 .25rem;overflow-wrap:anywhere}
h2{font-size:1.2rem;margin:0 0 .5rem}
h3{font-size:1rem;margin:1.25rem 0 .5rem}
p{margin:.25rem 0 .75rem;max-width:44rem}
.quiet,figcaption,dt,footer{color:var(--quiet)}
section{margin:2.25rem 0;scroll-margin-top:1rem}
a{color:var(--first)}
nav ul{display:flex;flex-wrap:wrap;gap:.25rem .9rem;list-style:none;margin:.75rem 0;padding:0}
fieldset{border:0;margin:0;padding:0;display:flex;flex-wrap:wrap;gap:.25rem 1rem;font-size:.9rem}
legend{float:left;padding:0;margin-right:1rem;color:var(--quiet)}
input{accent-color:var(--first)}
:focus-visible{outline:2px solid var(--first);outline-offset:2px}
.facts{display:grid;grid-template-columns:repeat(auto-fill,minmax(10.5rem,1fr));gap:.5rem;margin:0 0 1rem}
.facts div{background:var(--panel);border-radius:.4rem;padding:.5rem .7rem}
dt{font-size:.8rem}
dd{margin:0;font-weight:600;font-size:.9rem;overflow-wrap:anywhere}
.wide{overflow-x:auto;max-width:100%}
table{border-collapse:collapse;font-size:.92rem;font-variant-numeric:tabular-nums}
th,td{padding:.25rem .7rem .25rem 0;text-align:left;border-bottom:1px solid var(--grid);white-space:nowrap}
th{font-weight:600}
tbody th{font-weight:400}
td.number,th.number{text-align:right;padding-left:.7rem}
tfoot th,tfoot td{font-weight:600;border-bottom:0}
.matrix td{text-align:center;min-width:2.6rem;padding:.3rem .25rem;border:1px solid var(--background)}
.matrix th{border:0;padding:.3rem .5rem .3rem 0}
.matrix .upright{display:inline-block;writing-mode:vertical-rl;transform:rotate(180deg)}
.matrix thead th{text-align:center;vertical-align:bottom;padding:.3rem .25rem}
figure{margin:0 0 1rem;max-width:100%}
figcaption{font-size:.85rem;margin-bottom:.35rem}
.charts{display:flex;flex-wrap:wrap;gap:1rem 1.5rem;margin:0 0 .5rem}
.charts>div{flex:0 1 auto;max-width:100%}
svg{display:block;max-width:100%;height:auto;font-family:inherit}
.key{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;list-style:none;margin:0 0 .5rem;padding:0;font-size:.9rem}
.key li{display:flex;align-items:center;gap:.4rem}
.tiles{display:flex;flex-wrap:wrap;gap:.6rem .5rem;list-style:none;margin:0;padding:0}
.tiles li{font-size:.78rem;line-height:1.3;text-align:center;color:var(--quiet)}
.tiles b{display:block;font-weight:400;color:var(--text)}
.tiles img{display:block;margin:0 auto .15rem;image-rendering:pixelated;border:1px solid var(--grid)}
.tiles .marked img{outline:3px solid var(--second);outline-offset:-1px}
.on-light{display:var(--on-light)}
.on-dark{display:var(--on-dark)}
.scale{display:flex;align-items:center;gap:.5rem;font-size:.8rem;color:var(--quiet);margin:-.25rem 0 1.5rem;flex-wrap:wrap}
.scale img{width:10rem;height:.6rem}
.missing{border-left:4px solid var(--second);background:var(--panel);padding:.5rem .8rem}
footer{font-size:.85rem;padding-bottom:2rem}
@media (max-width:30rem){body{font-size:15px}.facts{grid-template-columns:1fr 1fr}table{font-size:.8rem}th,td{padding-right:.5rem}td.number,th.number{padding-left:.4rem}.matrix td{min-width:1.8rem;padding:.25rem .1rem}}
@media print{fieldset,nav{display:none}section,figure,.tiles li,tr{break-inside:avoid}.wide{overflow:visible}body{font-size:11pt}}
`;

// nothing is loaded and nothing is run: what a name may smuggle in stays text
const policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'";

/** The whole page. */
export function page(title: string, lead: Html, sections: readonly Section[], foot: Html): string {
  const themesShown = [
    ["auto", "automatic", true],
    ["light", "light", false],
    ["dark", "dark", false],
  ] as const;
  const choices = themesShown.map(
    ([name, label, checked]) =>
      html`<label><input type="radio" name="theme" id="theme-${name}"${checked ? html` checked` : undefined}> ${label}</label>`,
  );
  const links = sections.map(({ id, title: name }) => html`<li><a href="#${id}">${name}</a></li>`);
  const parts = sections.map(
    ({
      id,
      title: name,
      body,
    }) => html`<section id="${id}" aria-labelledby="${id}-title"><h2 id="${id}-title">${name}</h2>
${body}</section>
`,
  );
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<title>${title}</title><style>${new Html(style)}</style></head>
<body><header><h1>${title}</h1>${lead}
<form><fieldset><legend>Colours</legend>${choices}</fieldset></form>
<nav aria-label="Sections"><ul>${links}</ul></nav></header>
<main>
${parts}</main>
<footer>${foot}</footer></body></html>
`.text;
}
