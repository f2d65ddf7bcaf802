import type { HerokuInventory } from '../../src/heroku/inventory.ts';
import { isMoved } from '../../src/migration/add-on-kinds.ts';
import type { Plan } from '../../src/migration/plan.ts';
import { flowchart, type FlowEdge, type FlowNode } from '../../src/report/flowchart.ts';

/** Beyond this many, processes and add-ons are counted instead of drawn: a picture is for a glance. */
const MOST_DRAWN = 8;

/** Today and tomorrow side by side: what each thing becomes. */
export function picture(plan: Plan, inventory: HerokuInventory): string {
  const running = plan.components.filter(({ kind }) => kind === 'service' || kind === 'worker');
  const scheduled = plan.components.filter(({ kind }) => kind === 'scheduled');
  const today: FlowNode[] = [];
  const tomorrow: FlowNode[] = [];
  const edges: FlowEdge[] = [];
  const move = (id: string, old: string[], next: string[], shape: FlowNode['shape'] = 'box'): void => {
    today.push({ id: `old ${id}`, lines: old, shape });
    tomorrow.push({ id: `new ${id}`, lines: next, shape });
    edges.push({ from: `old ${id}`, to: `new ${id}`, dashed: true });
  };
  for (const { name, kind, from, count, instanceSize } of running.slice(0, MOST_DRAWN)) {
    move(`process ${name}`, [name, from], [`${kind} ${name}`, `${count} × ${instanceSize}`]);
  }
  if (running.length > MOST_DRAWN) {
    const more = `${running.length - MOST_DRAWN} more processes`;
    move('processes', [more], [more]);
  }
  if (scheduled.length > 0) {
    move(
      'schedule',
      ['Heroku Scheduler', `${scheduled.length} jobs`],
      ['scheduled jobs', `${scheduled.length} jobs`],
    );
  }
  if (plan.cluster !== null) {
    move(
      'postgres',
      ['Heroku Postgres', planName(inventory, 'heroku-postgresql')],
      [`PostgreSQL ${plan.cluster.version}`, `${plan.cluster.nodes} × ${plan.cluster.size}`],
      'database',
    );
  }
  if (plan.redis !== null) {
    move(
      'redis',
      ['Heroku Redis', planName(inventory, 'heroku-redis')],
      ['Redis on a droplet', plan.redis.size],
      'database',
    );
  }
  const staying = inventory.addOns.filter((addOn) => !isMoved(addOn));
  for (const { name, service, plan: bought } of staying.slice(0, MOST_DRAWN)) {
    today.push({ id: `add-on ${name}`, lines: [service, bought], shape: 'round' });
  }
  if (staying.length > MOST_DRAWN) {
    today.push({ id: 'add-ons', lines: [`${staying.length - MOST_DRAWN} more add-ons`], shape: 'round' });
  }
  for (const domain of plan.domains.slice(0, MOST_DRAWN)) {
    tomorrow.push({ id: `domain ${domain}`, lines: [domain], shape: 'round' });
    const web = running.find(({ kind }) => kind === 'service');
    if (web !== undefined) edges.push({ from: `domain ${domain}`, to: `new process ${web.name}` });
  }
  return flowchart(
    [
      { title: `Today: Heroku, ${plan.herokuApp}`, nodes: today },
      { title: `Tomorrow: DigitalOcean, ${plan.region}`, nodes: tomorrow },
    ],
    edges,
  );
}

function planName(inventory: HerokuInventory, service: string): string {
  return inventory.addOns.find((addOn) => addOn.service === service)?.plan ?? 'not read';
}
