import type { Item } from './item.ts';
import { yamlComment, yamlText } from './yaml-text.ts';

/** What assess asks about one environment. */
export interface AskedItem {
  environment: string;
  item: Pick<Item, 'id' | 'what' | 'question' | 'options'>;
}

/** A question with the line that would answer it. */
export interface AskedOnLine {
  environment: string;
  id: string;
  /** From 1. */
  line: number;
}

export interface QuestionedText {
  text: string;
  asked: AskedOnLine[];
}

const ID = /^[a-z]\S*\/\S+$/;

/**
 * A proposed migration.yml with its open questions as commented lines under `decisions`: of the only environment at the
 * end, else under the environment that they are asked of. Without the `# ` in front, the lines are the default answers,
 * and `parseMigrationConfig` accepts them. Pure.
 *
 * @param text as `proposeConfig` writes it
 */
export function withQuestions(text: string, questions: readonly AskedItem[]): QuestionedText {
  const lines = text.trimEnd().split('\n');
  const environments = [...new Set(questions.map(({ environment }) => environment))];
  const only = lines.filter((line) => /^ {2}[^\s#]/.test(line) && line.endsWith(':')).length === 1;
  const asked: (Omit<AskedOnLine, 'line'> & { text: string })[] = [];
  for (const environment of environments) {
    const items = questions.filter((one) => one.environment === environment).map(({ item }) => item);
    const end = only ? lines.length : endOf(environment, lines);
    if (end === undefined) continue;
    const block = blockOf(items, only ? '' : '    ');
    for (const { id, text: line } of block) if (id !== undefined) asked.push({ environment, id, text: line });
    lines.splice(end, 0, ...(only && block.length > 0 ? [''] : []), ...block.map(({ text: line }) => line));
  }
  return {
    text: `${lines.join('\n')}\n`,
    asked: asked.map(({ environment, id, text: line }) => {
      const start = only ? 0 : lines.indexOf(headOf(environment));
      return { environment, id, line: lines.indexOf(line, start) + 1 };
    }),
  };
}

function blockOf(items: readonly AskedItem['item'][], indent: string): { id?: string; text: string }[] {
  const seen = new Set<string>();
  const lines = items.flatMap(({ id, what, question, options: [usual, ...others] }) => {
    if (!ID.test(id) || usual === undefined || usual === '' || seen.has(id)) return [];
    seen.add(id);
    const or = others.length === 0 ? '' : ` # or ${yamlComment(others.join(', '))}`;
    return [
      { text: `${indent}#   # ${yamlComment(`${what}: ${question ?? ''}`)}` },
      { id, text: `${indent}#   ${yamlText(id)}: ${yamlText(usual)}${or}` },
    ];
  });
  if (lines.length === 0) return [];
  return [
    {
      text: `${indent}# Open questions. What stands here happens by default; to answer, take the "# " away and choose.`,
    },
    { text: `${indent}# decisions:` },
    ...lines,
  ];
}

/** The index behind the last line of an environment. */
function endOf(environment: string, lines: readonly string[]): number | undefined {
  const start = lines.indexOf(headOf(environment));
  if (start === -1) return undefined;
  const length = lines.slice(start + 1).findIndex((line) => !line.startsWith('    '));
  return length === -1 ? lines.length : start + 1 + length;
}

function headOf(environment: string): string {
  return `  ${yamlText(environment)}:`;
}
