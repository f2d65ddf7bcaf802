/**
 * A key as it can be shown in a log: control characters and bytes that are no text escaped, long ones cut. Of a part
 * that looks like an identifier only the beginning: a session's key is all that is needed to be that session.
 */
export function printable(key: Buffer): string {
  const text = JSON.stringify(
    key
      .toString('latin1')
      .replaceAll(/[^:]+/g, (part) => (part.length >= 8 && /\d/.test(part) ? `${part.slice(0, 4)}…` : part))
      .replaceAll(/[^\x20-\x7e…]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`),
  );
  return text.length > 100 ? `${text.slice(0, 99)}…` : text;
}
