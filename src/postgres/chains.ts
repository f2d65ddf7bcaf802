/** A word, sign or quoted text, or what stands between parentheses. */
type Part = string | Part[];

/** Quoted text and bodies of functions are one piece each: parentheses in them are not ours to look at. */
const PIECES = /'(?:[^']|'')*'|"(?:[^"]|"")*"|(\$\w*\$)[\s\S]*?\1|[()]|[^\s()'"$]+|\$|\s+/g;

/**
 * An expression as Postgres shows it, with chains such as `((a AND b) AND c)` written as `(a AND b AND c)`. The parser
 * makes the first one of `x BETWEEN 1 AND 2 AND c` and reads what it has shown of it as the second one: the same
 * constraint has another text after it was dumped and restored (makeAndExpr and makeOrExpr in gram.y, which look at the
 * left side only, as this does).
 */
export function withFlatChains(definition: string): string {
  return textOf(flattened(parse(definition)));
}

function parse(text: string): Part[] {
  const open: Part[][] = [[]];
  for (const [piece] of text.matchAll(PIECES)) {
    const current = open.at(-1) ?? [];
    if (piece === '(') {
      const group: Part[] = [];
      current.push(group);
      open.push(group);
    } else if (piece === ')' && open.length > 1) open.pop();
    else current.push(/^\s/.test(piece) ? ' ' : piece);
  }
  return open[0] ?? [];
}

function flattened(parts: Part[]): Part[] {
  const inner = parts.map((part) => (typeof part === 'string' ? part : flattened(part)));
  const operator = operatorOf(inner);
  const [first] = inner;
  return operator !== undefined && Array.isArray(first) && inner[1] === ' ' && operatorOf(first) === operator
    ? [...first, ...inner.slice(1)]
    : inner;
}

/** AND or OR when it joins all of the parts, so that they are one chain. */
function operatorOf(parts: Part[]): string | undefined {
  const operators = new Set(parts.filter((part) => part === 'AND' || part === 'OR'));
  const [operator] = operators;
  return operators.size === 1 && typeof operator === 'string' ? operator : undefined;
}

function textOf(parts: Part[]): string {
  return parts.map((part) => (typeof part === 'string' ? part : `(${textOf(part)})`)).join('');
}
