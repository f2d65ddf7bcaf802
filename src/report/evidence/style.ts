/**
 * The page's own style, complete: no font, picture or script comes from anywhere. Both colour schemes, a narrow screen
 * and paper are the same document; colours keep a contrast of 4.5 to 1 on their grounds.
 */
export const STYLE = `
:root {
  color-scheme: light dark;
  --ground: #ffffff; --panel: #f5f6f8; --line: #d9dde3; --ink: #1a2230; --soft: #55606f;
  --good: #146c3a; --good-ground: #e5f4ea; --bad: #b0202c; --bad-ground: #fcebec; --open: #7a5200; --open-ground: #fdf3dc;
  --serving: #3f6fb5; --down: #c2410c; --down-ground: #fdeadf; --old: #79589f; --new: #0b6bcb;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #11161d; --panel: #1a212b; --line: #323c4a; --ink: #e8ecf1; --soft: #a6b1bf;
    --good: #6fd08f; --good-ground: #12301d; --bad: #ff8f8f; --bad-ground: #3a1719; --open: #f0c060; --open-ground: #352a10;
    --serving: #7fa9e6; --down: #ff9a62; --down-ground: #3a2115; --old: #b99be0; --new: #6bb1ff;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0; background: var(--ground); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}
main { max-width: 62rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; }
h1 { font-size: 1.35rem; line-height: 1.3; margin: 0 0 1rem; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .75rem; padding-top: .75rem; border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.25rem 0 .5rem; }
p { margin: 0 0 .75rem; max-width: 70ch; overflow-wrap: anywhere; }
a { color: inherit; text-decoration-color: var(--soft); text-underline-offset: .15em; }
ul { margin: 0 0 .75rem; padding-left: 1.25rem; }
li { overflow-wrap: anywhere; }
.verdict { border-radius: .5rem; padding: 1rem 1.25rem; border-left: .4rem solid; margin: 0 0 1rem; }
.verdict strong { display: block; font-size: 1.5rem; line-height: 1.25; }
.verdict p { margin: .35rem 0 0; max-width: none; color: var(--ink); }
.verdict.good { background: var(--good-ground); color: var(--good); border-color: var(--good); }
.verdict.bad { background: var(--bad-ground); color: var(--bad); border-color: var(--bad); }
.verdict.open { background: var(--open-ground); color: var(--open); border-color: var(--open); }
.verdict.plain { background: var(--panel); border-color: var(--line); }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(7.8rem, 1fr)); gap: .6rem; margin: 0; padding: 0; }
.figures div { background: var(--panel); border-radius: .5rem; padding: .6rem .8rem; min-width: 0; }
.figures dt { color: var(--soft); font-size: .82rem; overflow-wrap: anywhere; }
.figures dd { margin: 0; font-size: 1.2rem; font-weight: 650; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
.figures div { display: flex; flex-direction: column-reverse; justify-content: flex-end; }
.good { color: var(--good); } .bad { color: var(--bad); } .open { color: var(--open); }
td.good, td.bad, td.open, li.bad { font-weight: 600; }
table { width: 100%; border-collapse: collapse; margin: 0 0 1rem; font-size: .92rem; }
th, td { text-align: left; vertical-align: top; padding: .4rem .75rem .4rem 0; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
th { color: var(--soft); font-weight: 600; font-size: .82rem; }
td { min-width: 6.5rem; }
th:last-child, td:last-child { padding-right: 0; }
.right { text-align: right; font-variant-numeric: tabular-nums; }
code { font: .82rem/1.4 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; overflow-wrap: anywhere; }
details { margin: 0 0 .6rem; border: 1px solid var(--line); border-radius: .5rem; padding: 0 .9rem; }
summary { cursor: pointer; padding: .55rem 0; font-weight: 600; overflow-wrap: anywhere; }
.timeline { margin: 0 0 1.5rem; }
.timeline figcaption { font-weight: 600; margin-bottom: .4rem; }
.timeline ol { list-style: none; margin: 0; padding: 0; }
.timeline li { display: grid; grid-template-columns: 12.5rem minmax(0, 1fr) 7rem; column-gap: .75rem; align-items: center; }
.timeline li > span { font-size: .88rem; line-height: 1.35; overflow-wrap: anywhere; }
.timeline li > span:last-child { text-align: right; font-variant-numeric: tabular-nums; color: var(--soft); }
.timeline li.failed > span { color: var(--bad); font-weight: 600; }
.timeline svg { display: block; width: 100%; height: 1.75rem; }
.timeline .axis svg { height: 1.5rem; }
.timeline .grid { stroke: var(--line); stroke-width: 1; }
.timeline .window { fill: var(--down-ground); }
.timeline .serving { fill: var(--serving); } .timeline .down { fill: var(--down); } 
.timeline .undone { fill: var(--soft); } .timeline .failed rect.bar { fill: var(--bad); }
.timeline .moment { stroke: var(--ink); stroke-width: 1.5; stroke-dasharray: 3 2; }
.timeline text { fill: var(--soft); font-size: 11px; font-family: inherit; }
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; margin: .5rem 0 0; padding: 0; color: var(--soft); font-size: .85rem; }
.legend span { display: inline-flex; align-items: center; gap: .4rem; }
.legend svg { width: .9rem; height: .9rem; flex: none; }
.amounts { margin: 0 0 1rem; padding: 0; }
.amounts div { display: grid; grid-template-columns: 7.5rem minmax(0, 1fr) auto; gap: .75rem; align-items: center; margin: .25rem 0; }
.amounts dt, .amounts dd { margin: 0; overflow-wrap: anywhere; }
.amounts dd:last-child { font-variant-numeric: tabular-nums; font-weight: 600; }
.amounts svg { display: block; width: 100%; height: 1.1rem; }
.amounts .first { fill: var(--old); } .amounts .other { fill: var(--new); }
footer { margin-top: 2.5rem; padding-top: .75rem; border-top: 1px solid var(--line); color: var(--soft); font-size: .82rem; overflow-wrap: anywhere; }
@media (max-width: 40rem) {
  main { padding: 1rem .9rem 2rem; }
  h1 { font-size: 1.15rem; }
  .verdict strong { font-size: 1.3rem; }
  .timeline li { grid-template-columns: minmax(0, 1fr) auto; }
  .timeline li svg { grid-column: 1 / -1; grid-row: 2; height: 1.1rem; }
  .timeline .axis svg { grid-row: 1; height: 1.5rem; }
  .timeline .axis > span { display: none; }
  .figures { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  .figures div:last-child:nth-child(odd) { grid-column: 1 / -1; }
  .amounts div { grid-template-columns: 1fr auto; gap: .15rem .75rem; margin: .5rem 0; }
  .amounts dd:nth-of-type(1) { grid-column: 1 / -1; grid-row: 2; }
  table, thead, tbody, tr, th, td { display: block; }
  thead { position: absolute; clip-path: inset(50%); height: 1px; width: 1px; overflow: hidden; }
  tr { border-bottom: 1px solid var(--line); padding: .45rem 0; }
  td { min-width: 0; border: 0; padding: .1rem 0; text-align: left; display: grid; grid-template-columns: 7.5rem minmax(0, 1fr); gap: .5rem; }
  td::before { content: attr(data-title); color: var(--soft); font-size: .82rem; font-weight: 400; text-align: left; }
  td:first-child { font-weight: 600; grid-template-columns: minmax(0, 1fr); }
  td:first-child::before { content: none; }
}
@media print {
  :root {
    --ground: #ffffff; --panel: #f5f6f8; --line: #c9ced6; --ink: #000000; --soft: #444c58;
    --good: #146c3a; --good-ground: #ffffff; --bad: #b0202c; --bad-ground: #ffffff; --open: #7a5200; --open-ground: #ffffff;
    --serving: #3f6fb5; --down: #c2410c; --down-ground: #fdeadf; --old: #79589f; --new: #0b6bcb;
  }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  body { font-size: 10.5pt; }
  main { max-width: none; padding: 0; }
  h2, h3, summary, figcaption { break-after: avoid; }
  tr, .timeline li, .verdict, .figures div, .amounts div { break-inside: avoid; }
  details { border: 0; padding: 0; }
  details::details-content { content-visibility: visible; block-size: auto; }
  summary { list-style: none; }
}
@page { margin: 16mm 14mm; }
`;
