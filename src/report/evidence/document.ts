/** What a figure or a line means to the reader; colour is never all that tells it. */
export type Tone = 'good' | 'bad' | 'open' | 'plain';

/** Text from outside or of our own: whoever draws it escapes it, always. */
export interface Text {
  text: string;
  tone?: Tone;
  /** An address of a run; drawn as a link only when it is one of the web's. */
  address?: string;
  /** Digests, names of keys. */
  code?: true;
}
export type Cell = string | Text;

export interface Column {
  title: string;
  align?: 'right';
}

/** One bar of a timeline. */
export interface TimelineBar {
  name: string;
  from: Date;
  to: Date;
  tone: 'serving' | 'down' | 'undone' | 'failed';
  /** Beside the name: how long it took, and how it ended when it did not end well. */
  told: string;
}

/** The time without service; `held` when nobody was turned away and requests waited. */
export interface Downtime {
  from: Date;
  to: Date;
  held: boolean;
}

export interface Timeline {
  kind: 'timeline';
  title: string;
  bars: readonly TimelineBar[];
  downtime: Downtime | undefined;
  /** Single moments, such as the point of no return. */
  moments: readonly { at: Date; name: string }[];
}

export type Block =
  | { kind: 'text'; text: string; tone?: Tone }
  | { kind: 'list'; items: readonly Cell[] }
  | { kind: 'table'; columns: readonly Column[]; rows: readonly (readonly Cell[])[] }
  | { kind: 'amounts'; amounts: readonly { label: string; value: number; told: string }[] }
  | { kind: 'folded'; title: string; blocks: readonly Block[] }
  | Timeline;

export interface Section {
  /** An anchor: lower-case letters and hyphens. */
  id: string;
  title: string;
  blocks: readonly Block[];
}

/** The verdict and the few figures that somebody who reads nothing else must see. */
export interface Verdict {
  tone: Tone;
  /** "Moved and verified". */
  words: string;
  sentence: string;
}

/** What one migration record proves, ready to be drawn as a page or as a step summary. */
export interface Evidence {
  title: string;
  verdict: Verdict;
  figures: readonly { label: string; value: string; tone?: Tone }[];
  sections: readonly Section[];
  /** Where it comes from: the head of the chain. */
  footer: string;
}

/** A record may hold more than a person reads: the rest is counted, and stands in the record. */
export const MOST_ROWS = 200;

/** A table that is never longer than a person reads. */
export function tableOf(columns: readonly Column[], rows: readonly (readonly Cell[])[]): Block[] {
  if (rows.length === 0) return [];
  const shown = rows.slice(0, MOST_ROWS);
  return [
    { kind: 'table', columns, rows: shown },
    ...(rows.length === shown.length
      ? []
      : [{ kind: 'text', text: `${rows.length - shown.length} more are in the migration record.` } as const]),
  ];
}
