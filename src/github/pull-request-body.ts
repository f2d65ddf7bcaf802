// What a person writes around our part of the body stays.
const BEGIN = '<!-- heroku-to-digitalocean: begin -->';
const END = '<!-- heroku-to-digitalocean: end -->';
/** GitHub takes 65,536 characters. */
const LONGEST = 60_000;

/** The body of a new pull request. */
export function newBody(ours: string): string {
  return `${BEGIN}\n${cut(ours)}\n${END}\n`;
}

/** The present body with our part renewed; undefined: a person has taken our part out, and it stays so. */
export function renewedBody(present: string, ours: string): string | undefined {
  // GitHub's own editor sends line ends of two characters.
  const text = present.replaceAll('\r\n', '\n');
  const begin = text.indexOf(BEGIN);
  const end = text.indexOf(END);
  if (begin === -1 || end < begin) return undefined;
  return `${text.slice(0, begin)}${newBody(ours).trimEnd()}${text.slice(end + END.length)}`;
}

/** Whether the pull request is one of ours. */
export function isOurs(body: string): boolean {
  return body.includes(BEGIN);
}

function cut(text: string): string {
  if (text.length <= LONGEST) return text;
  const kept = text.slice(0, text.lastIndexOf('\n', LONGEST));
  const open = (kept.match(/^(```|~~~)/gm)?.length ?? 0) % 2 === 1 ? '\n```' : '';
  const folded = (kept.match(/<details>/g)?.length ?? 0) - (kept.match(/<\/details>/g)?.length ?? 0);
  return `${kept}${open}${'\n</details>'.repeat(Math.max(0, folded))}\n\nThe rest is left out: GitHub takes no longer text here.`;
}
