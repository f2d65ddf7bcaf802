import { readEarlierRecords } from '../../src/github/earlier-records.ts';
import type { Edge } from '../../src/github/run.ts';
import type { Strategy } from '../../src/migration/strategy.ts';
import { thrownAway } from '../../src/migration/throw-away.ts';
import { newestAnswers, probeArtifact, PROBE_LABEL, type Probed } from '../../src/probe/probe-record.ts';
import { neededProbes, probes, type ProbeId } from '../../src/probe/probes.ts';
import { formatDuration } from '../../src/report/format.ts';
import type { Parties } from '../parties.ts';
import { readDeclared } from '../subject.ts';
import type { Finding } from './findings.ts';

const DAY_MS = 24 * 3_600_000;
/** Platforms change; what was asked longer ago is told as such. */
const OLD_MS = 30 * DAY_MS;
/** As long as artifacts are kept; and the newest few of them, since a run may ask some probes only. */
const LOOKED_BACK = { days: 90, most: 10 };

/**
 * What the probes of the platforms answered, as far as this cutover rests on it (docs/assumptions.md): one that failed stands
 * in its way, one that was never asked, or long ago, is told. A platform does not differ between environments, so those of
 * every environment count, the newest of each probe. Needs `actions: read`; what cannot be read is told, and is no pass.
 */
export async function probeFindings(
  edge: Edge,
  { subject, oldSide }: Pick<Parties, 'subject' | 'oldSide'>,
  strategy: Strategy,
): Promise<Finding[]> {
  const { answers, note } = await readAnswers(edge);
  const needed = neededProbes({
    strategy,
    traffic: subject.config.traffic,
    redis: oldSide.redis !== undefined,
    domains: subject.environment.domains.length > 0,
  });
  return judgeProbes(needed, answers, { now: edge.clock.now(), note });
}

async function readAnswers(edge: Edge): Promise<{ answers: Map<ProbeId, Probed>; note: string | null }> {
  const { repository, apiUrl } = edge.environment;
  const token = edge.inputs.optionalSecret('github-token');
  if (repository === '' || token === undefined)
    return { answers: new Map(), note: 'this is no run of GitHub’s, or has no token of it' };
  const { config } = await readDeclared(edge);
  const read = await Promise.all(
    Object.values(config.environments).map(({ name, ...rest }) =>
      readEarlierRecords({
        ...{ repository, apiUrl, token, environment: name, artifact: probeArtifact(name) },
        migrationId: thrownAway(config, { name, ...rest }, PROBE_LABEL).migrationId,
        ...LOOKED_BACK,
        now: edge.clock.now(),
        signal: edge.signal,
      }),
    ),
  );
  const notes = read.flatMap(({ note }) => (note === null ? [] : [note.replace(/\.$/, '')]));
  return {
    answers: newestAnswers(read.flatMap(({ records }) => records)),
    note: notes.length === 0 ? null : [...new Set(notes)].join('; '),
  };
}

const RUN_THEM = 'Run probe.yml: it asks the platforms on throw-away resources, for cents.';

/** One line for each that failed, one for all that passed, one for all that are not known. Pure. */
export function judgeProbes(
  needed: readonly ProbeId[],
  answers: ReadonlyMap<ProbeId, Probed>,
  { now, note }: { now: Date; note: string | null },
): Finding[] {
  const ageOf = ({ at }: Probed): number => Math.max(0, now.getTime() - Date.parse(at));
  const ago = (one: Probed): string => `${formatDuration(ageOf(one))} ago`;
  const passed: string[] = [];
  const unknown: string[] = [];
  const failed: Finding[] = [];
  for (const id of needed) {
    const answer = answers.get(id);
    if (answer === undefined) unknown.push(`${id} was never run`);
    else if (answer.result === 'failed') failed.push(failure(answer, ago(answer)));
    else if (answer.result === 'not-asked')
      unknown.push(`${id} could not be asked ${ago(answer)} (${answer.seen})`);
    else if (ageOf(answer) > OLD_MS) unknown.push(`${id} passed ${ago(answer)}, which is long`);
    else passed.push(`${id}, ${ago(answer)}`);
  }
  return [
    ...failed,
    ...(passed.length === 0 ? [] : [{ what: 'probes that passed', found: passed.join('; ') }]),
    ...(unknown.length === 0
      ? []
      : [{ what: 'probes without an answer', found: unknown.join('; '), advice: RUN_THEM }]),
    ...(note === null
      ? []
      : [
          {
            what: 'records of the probes',
            found: `not all were looked at (${note})`,
            advice: 'A probe that failed may be among them.',
          },
        ]),
  ];
}

function failure({ id, seen }: Probed, when: string): Finding {
  return {
    what: `probe ${id}`,
    found: `failed ${when}: ${seen}`,
    remedy:
      `This cutover needs that ${probes[id].claim}. docs/assumptions.md says what follows where it is not so. ` +
      `Run probe.yml again with \`probes: ${id}\` when that has changed, or choose another way in migration.yml.`,
  };
}
