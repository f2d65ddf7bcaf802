/** An error in Docker's words, with the code that the program ends with. */
export class DockerError extends Error {
  readonly code: number;

  constructor(message: string, code = 1) {
    super(message);
    this.code = code;
  }
}

export interface ParsedOptions {
  switches: ReadonlySet<string>;
  values: ReadonlyMap<string, readonly string[]>;
  /** What is no option. */
  rest: string[];
}

/**
 * Reads the options of a command by the names that it knows; an option that is not played is refused like one that Docker
 * does not know. `stopsAtFirst`: what follows the first word that is no option belongs to somebody else (`docker run`).
 */
export function parseOptions(
  args: readonly string[],
  known: { switches?: readonly string[]; values?: readonly string[]; stopsAtFirst?: boolean },
): ParsedOptions {
  const switches = new Set<string>();
  const values = new Map<string, string[]>();
  const rest: string[] = [];
  for (let index = 0; index < args.length; index += 1) {
    const word = args[index] ?? '';
    if (!word.startsWith('-') || word === '-') {
      rest.push(word);
      if (known.stopsAtFirst !== true) continue;
      rest.push(...args.slice(index + 1));
      break;
    }
    if (known.switches?.includes(word) === true) switches.add(word);
    else if (known.values?.includes(word) === true) {
      index += 1;
      const value = args[index];
      if (value === undefined) throw new DockerError(`flag needs an argument: ${word}`, 125);
      values.set(word, [...(values.get(word) ?? []), value]);
    } else throw new DockerError(`unknown flag: ${word}`, 125);
  }
  return { switches, values, rest };
}
