/** Hides what must not be shown. One per job: masks do not cross jobs, as on GitHub. */
export interface Masker {
  /** Hides a value, each of its lines and the forms in which programs tend to print it. */
  add(value: string): void;
  mask(text: string): string;
  /** Whether a text holds anything hidden. */
  covers(text: string): boolean;
}

export function createMasker(): Masker {
  const hidden = new Set<string>();
  // Longest first, so that a value which contains another one is hidden whole.
  let ordered: string[] = [];
  const mask = (text: string) => ordered.reduce((masked, value) => masked.replaceAll(value, '***'), text);
  return {
    add: (value) => {
      if (value.trim() === '') return;
      for (const part of [value, ...value.split(/\r?\n/u).map((line) => line.trim())]) {
        if (part === '') continue;
        for (const form of formsOf(part)) hidden.add(form);
      }
      ordered = [...hidden].sort((a, b) => b.length - a.length);
    },
    mask,
    covers: (text) => mask(text) !== text,
  };
}

/** The forms that GitHub's runner hides besides the value itself: base64 at each alignment, URI, JSON, XML and shell. */
function formsOf(value: string): string[] {
  const forms = [
    value,
    encodeURIComponent(value),
    JSON.stringify(value).slice(1, -1),
    value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;'),
    value.replaceAll("'", String.raw`'\''`),
  ];
  // Inside a longer base64 text only the groups that are wholly made of the value are the same each time.
  for (const shift of [0, 1, 2]) {
    const encoded = Buffer.concat([Buffer.alloc(shift), Buffer.from(value)])
      .toString('base64')
      .replace(/=+$/u, '');
    const inner = encoded.slice(shift === 0 ? 0 : 4, encoded.length - (encoded.length % 4));
    if (inner.length >= 8) forms.push(inner);
  }
  forms.push(Buffer.from(value).toString('base64'));
  return [...new Set(forms)].filter((form) => form !== '');
}
