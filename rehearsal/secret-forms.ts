// How a secret may stand somewhere, as a person who looks for it would think of it: apart from what the actions themselves
// take out (src/github/encoded-forms.ts), so that what is forgotten there is found here.

/** Shorter, a form would stand in texts that have nothing to do with the secret. */
const SHORTEST = 8;

/** The value as it is and encoded. In latin1 of the UTF-8 bytes, so that any file can be searched as it is. */
export function formsOf(value: string): string[] {
  const uri = encodeURIComponent(value);
  const json = JSON.stringify(value).slice(1, -1);
  const html = value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  const bytes = Buffer.from(value);
  const forms = [
    value,
    // A key of many lines is found by any of them.
    ...value.split(/\r?\n/).filter((line) => line.length >= 16 && !line.startsWith('-----')),
    uri,
    uri.replaceAll('%20', '+'),
    uri.replaceAll("'", '%27'),
    new URLSearchParams([['', value]]).toString().slice(1),
    uri.replaceAll(/%[0-9A-F]{2}/g, (code) => code.toLowerCase()),
    json,
    JSON.stringify(json).slice(1, -1),
    html,
    html.replaceAll('"', '&quot;'),
    html.replaceAll('"', '&quot;').replaceAll("'", '&#39;'),
    bytes.toString('hex'),
    bytes.toString('hex').toUpperCase(),
    ...[0, 1, 2].flatMap((shift) => {
      const inner = base64Inside(bytes, shift);
      return [inner, inner.replaceAll('+', '-').replaceAll('/', '_')];
    }),
  ];
  return [...new Set(forms)]
    .filter((form) => form.length >= SHORTEST)
    .map((form) => Buffer.from(form).toString('latin1'));
}

/** What of a base64 text is always the same, wherever in the encoded bytes the value begins. */
function base64Inside(bytes: Buffer, shift: number): string {
  const encoded = Buffer.concat([Buffer.alloc(shift), bytes])
    .toString('base64')
    .replace(/=+$/, '');
  return encoded.slice(shift === 0 ? 0 : 4, encoded.length - (encoded.length % 4));
}

/** Names of those among the secrets that stand in a text (latin1) in any form. */
export type SecretSearch = (text: string) => string[];

/** One pass over a text for however many secrets: by the first characters of their forms. */
export function searchFor(secrets: Readonly<Record<string, string>>): SecretSearch {
  const wanted = new Map<string, { name: string; form: string }[]>();
  for (const [name, value] of Object.entries(secrets)) {
    for (const form of formsOf(value)) {
      const beginning = form.slice(0, SHORTEST);
      wanted.set(beginning, [...(wanted.get(beginning) ?? []), { name, form }]);
    }
  }
  return (text) => {
    const found = new Set<string>();
    for (let at = 0; at + SHORTEST <= text.length; at += 1) {
      for (const { name, form } of wanted.get(text.slice(at, at + SHORTEST)) ?? [])
        if (text.startsWith(form, at)) found.add(name);
    }
    return [...found];
  };
}

export function secretsIn(text: string, secrets: Readonly<Record<string, string>>): string[] {
  return searchFor(secrets)(text);
}
