import { EDITION, editionTitle } from './edition.ts';
import { automatic, blocked, decide, type Item } from './item.ts';
import { STANDBY } from './placement.ts';
import type { PlanFacts } from './plan.ts';
import type { PostgresOffer } from './postgres-offer.ts';

/**
 * Which edition of Managed PostgreSQL the cluster is of: automatic where one is clearly right, a question where both can
 * be and neither is better in all, blocked where migration.yml answers with one that cannot be had.
 */
export function editionItems(facts: PlanFacts): Item[] {
  const { answers, catalogue, config, database, postgres } = facts;
  if (database === undefined || catalogue === undefined || postgres.offer === undefined) return [];
  const { cluster, editions } = postgres;
  const about = { id: EDITION, area: 'postgres' } as const;
  const answered = editions.find(({ name }) => name === answers[EDITION]);
  if (answered !== undefined && (answered.refused !== null || answered.fit === undefined))
    return [
      blocked({
        ...about,
        what: `migration.yml answers ${editionTitle(answered.name)}, which cannot be had`,
        why: answered.refused ?? `it has nothing with what is needed: ${postgres.needs.why}`,
        remedy: `Take the answer ${EDITION} out of migration.yml, or choose another \`region\`.`,
      }),
    ];

  const mine = editions.find(({ engine }) => engine === cluster.engine);
  const other = editions.find(({ engine }) => engine !== cluster.engine);
  if (mine === undefined) return [];
  const what = `${editionTitle(mine.name)} of Managed PostgreSQL (${sizeInWords(cluster)})`;
  const becomes = `engine ${cluster.engine}`;
  const whyNot =
    other === undefined ? '' : `; ${editionTitle(other.name)}: ${other.refused ?? otherInWords(other.fit)}`;
  if (config.postgres.size !== undefined)
    return [automatic({ ...about, what, becomes, why: `migration.yml names the size${whyNot}` })];

  if (mine.name === 'advanced') {
    const standardToo = other?.fit !== undefined;
    return [
      decide({
        ...about,
        what: standardToo ? what : `the database needs the Advanced Edition (${sizeInWords(cluster)})`,
        question: 'Is the Advanced Edition right, at its price?',
        options: standardToo ? ['advanced', 'standard'] : ['advanced'],
        why: `${cluster.why}${whyNot}; ${unknownOf(postgres.offer)}`,
        remedy: `Look at the size in the control panel before you answer${
          cluster.nodes > 1 ? `; \`${STANDBY}: single-node\` does without the standby` : ''
        }. Extensions are switched on there in another way than in the Standard Edition: let staging show it. Or set \`postgres.size\` to one that staging has proved to be enough.`,
      }),
    ];
  }

  // Nothing larger can be had later without leaving the edition: that is for a person to know now.
  const last = mine.offers.every(({ memoryGib }) => memoryGib <= (postgres.offer?.memoryGib ?? 0));
  const settled = answers[STANDBY] === 'single-node';
  if (last && other?.fit !== undefined && !settled)
    return [
      decide({
        ...about,
        what: `${sizeInWords(cluster)} is the largest of the Standard Edition, and the Advanced one is offered, too`,
        question: 'Which edition? From the Standard one the database cannot grow, nor get a standby, later.',
        options: ['standard', 'advanced'],
        why: `${cluster.why}${whyNot}; ${unknownOf(other.fit)}`,
        remedy: `Answer \`${EDITION}\` under \`decisions\` in migration.yml.`,
      }),
    ];
  return [automatic({ ...about, what, becomes, why: `${cluster.why}${whyNot}` })];
}

function sizeInWords({ nodes, size }: { nodes: number; size: string }): string {
  return `${nodes === 1 ? '' : `${nodes} × `}${size}`;
}

function otherInWords(fit: PostgresOffer | undefined): string {
  if (fit === undefined) return 'nothing of it has what is needed';
  const price = fit.usdPerNode === null ? '' : `, ${fit.priceIsFrom ? 'from ' : ''}$${fit.usdPerNode} a node`;
  return `${fit.slug}${price}`;
}

function unknownOf({ diskGib, priceIsFrom }: PostgresOffer): string {
  return [
    ...(diskGib === null ? ['how much disk the size has is not in the API'] : []),
    ...(priceIsFrom ? ['its price is only known as the one where the edition begins'] : []),
  ].join('; ');
}
