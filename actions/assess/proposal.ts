import type { LineComment, ProposedFile } from '../../src/github/pull-request.ts';
import { undecidedIn, type Item } from '../../src/migration/item.ts';
import { mayHoldSecret, proposeConfig } from '../../src/migration/propose-config.ts';
import { withQuestions } from '../../src/migration/propose-decisions.ts';
import { escapeMarkdown, list, paragraph, raw } from '../../src/report/summary.ts';
import type { Assessment } from './assessment.ts';
import { callerWorkflows, USUAL_CONFIG, type SuiteReference } from './caller-workflows.ts';
import { unseenIn } from './first-run.ts';

/** Everything that `init` would put into a repository. */
export interface Proposal {
  branch: string;
  application: string;
  environments: string[];
  files: ProposedFile[];
  /** Open questions, each with its line of migration.yml (1 where it has none). */
  comments: LineComment[];
  /** What is not proposed although one might expect it, and why. */
  missing: string[];
}

export interface ProposalOptions {
  /** Path of migration.yml. */
  config: string;
  suite: SuiteReference | undefined;
  /** Without what was masked: scheduled commands may hold secrets. */
  redact: (text: string) => string;
}

/** Is asked by there being no file: the pull request is the answer. */
const ASKS_FOR_THE_FILE = 'app/migration-yml';

/** What `init` proposes. Pure: the same world gives the same files. */
export function proposalOf(assessments: readonly Assessment[], options: ProposalOptions): Proposal {
  const { config: path, suite, redact } = options;
  const own = assessments[0];
  const written = own?.proposed === true ? proposedConfig(assessments, options) : undefined;
  const config = written?.config ?? own?.config;
  if (config === undefined) throw new Error('There is nothing assessed to propose anything from.');
  const environments = Object.keys(config.environments);
  const { application } = config;
  const workflows =
    suite === undefined ? [] : callerWorkflows({ suite, application, environments, config: path });
  return {
    branch: `heroku-to-digitalocean-init${path === USUAL_CONFIG ? '' : `-${application}`}`,
    application,
    environments,
    files: [...(written === undefined ? [] : [{ path, content: written.text }]), ...workflows],
    comments:
      written?.comments ??
      openQuestions(assessments, redact).map((asked) => ({ ...commentOf(asked), path, line: 1 })),
    missing: missingOf(suite, environments),
  };
}

interface Asked {
  environment: string;
  item: Item;
}

function proposedConfig(
  assessments: readonly Assessment[],
  { config: path, suite, redact }: ProposalOptions,
) {
  const { text, config } = proposeConfig(
    assessments.map(({ stage, inventory, scheduler }) => ({
      stage,
      inventory,
      scheduler:
        'jobs' in scheduler
          ? { jobs: scheduler.jobs.map((job) => ({ ...job, command: redact(job.command) })) }
          : scheduler,
    })),
  );
  const declared = new Set(config.schedule.map(({ name }) => `schedule/${name}`));
  // A job whose command was not written is asked for by a line of its own.
  const questions = openQuestions(assessments, redact).filter(
    ({ item: { area, id } }) => area !== 'schedule' || declared.has(id),
  );
  const headed = suite === undefined ? text : `${schemaLine(suite)}\n${text}`;
  const questioned = withQuestions(headed, questions);
  const comments = questions.map((asked): LineComment => {
    const at = questioned.asked.find(
      ({ environment, id }) => environment === asked.environment && id === asked.item.id,
    );
    return { ...commentOf(asked), path, line: at?.line ?? 1 };
  });
  return {
    config,
    text: questioned.text,
    comments: [...checksIn(questioned.text).map((check) => ({ ...check, path })), ...comments],
  };
}

/** What must be decided about the apps that were looked at in full; of the others too little is known to ask. */
function openQuestions(assessments: readonly Assessment[], redact: ProposalOptions['redact']): Asked[] {
  return assessments
    .filter(({ depth }) => depth === 'full')
    .flatMap(({ plan, environment }) => {
      const unseen = new Set(unseenIn(plan.items).map(({ id }) => id));
      return undecidedIn(plan.items)
        .filter(({ id }) => id !== ASKS_FOR_THE_FILE && !unseen.has(id) && redact(id) === id)
        .map((item) => ({ environment: environment.name, item: redacted(item, redact) }))
        .filter(({ item }) => item.area !== 'schedule' || !mayHoldSecret(`${item.what} ${item.why}`));
    });
}

function redacted(item: Item, redact: ProposalOptions['redact']): Item {
  return {
    ...item,
    what: redact(item.what),
    question: item.question === null ? null : redact(item.question),
    options: item.options.map((option) => redact(option)),
    why: redact(item.why),
    remedy: item.remedy === null ? null : redact(item.remedy),
  };
}

function commentOf({ environment, item }: Asked): Pick<LineComment, 'key' | 'body'> {
  const { id, what, question, options, why, remedy } = item;
  const [usual = '', ...others] = options;
  return {
    key: `${environment} ${id}`,
    body: [
      paragraph(
        raw(
          `**${escapeMarkdown(what)}** (${escapeMarkdown(environment)}): ${escapeMarkdown(question ?? '')}`,
        ),
      ),
      list([
        raw(`${escapeMarkdown(usual)} – what happens unless somebody answers`),
        ...others.map((option) => raw(escapeMarkdown(option))),
      ]),
      paragraph(raw(`Why it is asked: ${escapeMarkdown(why)}.`)),
      ...(remedy === null ? [] : [paragraph(remedy)]),
      paragraph(raw(`Answer with ${escapeMarkdown(id)} under \`decisions\`.`)),
    ].join('\n'),
  };
}

/** The lines that say themselves that somebody must look at them. */
function checksIn(text: string): Pick<LineComment, 'key' | 'line' | 'body'>[] {
  return text.split('\n').flatMap((line, index) => {
    const [before = '', check] = line.split('# CHECK: ');
    if (check === undefined) return [];
    return [
      { key: `check ${before.trim()} ${check}`, line: index + 1, body: paragraph(`Please check: ${check}`) },
    ];
  });
}

function schemaLine({ repository, ref }: SuiteReference): string {
  return `# yaml-language-server: $schema=https://raw.githubusercontent.com/${repository}/${ref}/migration.schema.json`;
}

function missingOf(suite: SuiteReference | undefined, environments: readonly string[]): string[] {
  if (suite === undefined) {
    return [
      'No workflows are proposed: the action was called from the workspace, so which repository and commit they would call is not known. Copy them from examples/.',
    ];
  }
  if (environments.includes('staging')) return [];
  return [
    'The workflow that migrates is not proposed: it moves staging first, and no app of a stage staging was found. Make one in the pipeline, or assess with all-in-pipeline.',
  ];
}
