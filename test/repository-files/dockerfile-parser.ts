/** An instruction of a Dockerfile; lines that go on are one. */
export interface Instruction {
  name: string;
  value: string;
}

export interface Stage {
  /** What its FROM names, with the arguments put in. */
  from: string;
  as: string | undefined;
  /** The image that it comes from in the end, through other stages. */
  image: string;
  instructions: Instruction[];
}

const KNOWN = new Set('FROM ARG ENV RUN COPY WORKDIR USER EXPOSE CMD ENTRYPOINT LABEL'.split(' '));

/** Every instruction. Throws for a line that is none, and for a comment in the middle of one that goes on. */
export function instructionsOf(text: string): Instruction[] {
  const found: Instruction[] = [];
  let open: string | undefined;
  for (const line of text.split('\n')) {
    if (open === undefined && (line.trim() === '' || line.startsWith('#'))) continue;
    if (open !== undefined && (line.trim() === '' || line.trim().startsWith('#')))
      throw new Error(`The instruction ${open} goes on with nothing.`);
    const joined: string = open === undefined ? line : `${open} ${line.trim()}`;
    if (joined.endsWith('\\')) {
      open = joined.slice(0, -1).trimEnd();
      continue;
    }
    open = undefined;
    const [, name = '', value = ''] = /^([A-Z]+) +(.+)$/.exec(joined) ?? [];
    if (!KNOWN.has(name)) throw new Error(`No instruction: ${line}`);
    if (name === 'CMD') JSON.parse(value);
    found.push({ name, value });
  }
  if (open !== undefined) throw new Error(`The last instruction does not end: ${open}`);
  return found;
}

export function stagesOf(text: string): Stage[] {
  const stages: Stage[] = [];
  const given = new Map<string, string>();
  for (const instruction of instructionsOf(text)) {
    const last = stages.at(-1);
    if (instruction.name === 'FROM') {
      const [, image = '', as] = /^(\S+)(?: AS (\S+))?$/.exec(instruction.value) ?? [];
      const from = image.replaceAll(/\$\{(\w+)\}/g, (_, name: string) => given.get(name) ?? '?');
      const parent = stages.find((stage) => stage.as === from);
      stages.push({ from, as, image: parent?.image ?? from, instructions: [] });
    } else if (last === undefined) {
      const [name = '', value = ''] = instruction.value.split('=');
      given.set(name, value);
    } else last.instructions.push(instruction);
  }
  return stages;
}
