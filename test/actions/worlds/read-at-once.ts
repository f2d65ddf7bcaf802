/** What a reviewer sees of a summary without opening or looking at anything: its words, tables included. */
export function readAtOnce(summary: string): string[] {
  return summary
    .replaceAll(/<details>[^]*?<\/details>/g, '')
    .replaceAll(/```[^]*?```/g, '')
    .split(/\s+/)
    .filter((word) => /[\p{L}\d]/u.test(word));
}

/** At 250 words a minute, as people read prose in their own trade. */
export const TWO_MINUTES = 500;
