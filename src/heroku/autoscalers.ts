import { z } from 'zod';
import type { FormationProcess } from './formation.ts';
import { askUnofficially, tellUnofficially, type UnofficialAddress } from './unofficial.ts';

/** Something that changes the formation by itself. In the window it must stand still, or it starts dynos behind us. */
export interface Autoscaler {
  /** `Heroku`, `HireFire`, `Judoscale` … */
  name: string;
  /** By what it was noticed: an add-on, a config var's name, a webhook's or drain's host. */
  evidence: string[];
  /** What it scales, as far as that can be known; null: unknown. */
  limits: { process: string; min: number | null; max: number | null } | null;
}

interface Maker {
  name: string;
  /** Each only where a source says how the trace is called. */
  addOn?: RegExp;
  configVar?: RegExp;
  host?: RegExp;
}

/** By the names that makers' own documents and client libraries use, as read on 2026-11-23. */
const MAKERS: readonly Maker[] = [
  // No add-on: it is let in by OAuth. hirefire-resource reads HIREFIRE_TOKEN; its help asks for a drain to
  // logdrain.hirefire.io.
  { name: 'HireFire', configVar: /^HIREFIRE_TOKEN$/, host: /(^|\.)hirefire\.io$/ },
  // Rails Autoscale until 2022: judoscale-ruby reads either variable (lib/judoscale/config.rb).
  {
    name: 'Judoscale',
    addOn: /^(judoscale|rails-autoscale)$/,
    configVar: /^(JUDOSCALE|RAILS_AUTOSCALE)_URL$/,
  },
  // Dev Center, "Adept Scale" (2020-10-09); its command line plugin reads both variables.
  { name: 'Adept Scale', addOn: /^adept-scale$/, configVar: /^ADEPT_SCALE_(URL|LICENSE_KEY)$/ },
  // README of dynoscale_ruby.
  { name: 'Dynoscale', addOn: /^dscale$/, configVar: /^DYNOSCALE_URL$/ },
  // By the clock; elements.heroku.com/addons/flightformation.
  { name: 'FlightFormation', addOn: /^flightformation$/ },
  // Puts an app to sleep and wakes it at the next request (autoidle.com/documentation).
  { name: 'AutoIdle', addOn: /^autoidle$/ },
];

export interface Traces {
  addOns: { service: string; name: string }[];
  configVars: { name: string }[];
  webhooks: { host: string }[];
  drains: { host: string }[];
}

/** Autoscalers of other makers, by the traces that they leave on an app. One without a trace is not seen. */
export function autoscalersByTraces({ addOns, configVars, webhooks, drains }: Traces): Autoscaler[] {
  return MAKERS.flatMap((maker) => {
    const evidence = [
      ...addOns
        .filter(({ service }) => maker.addOn?.test(service) === true)
        .map(({ name }) => `the add-on ${name}`),
      ...configVars
        .filter(({ name }) => maker.configVar?.test(name) === true)
        .map(({ name }) => `the config var ${name}`),
      ...webhooks
        .filter(({ host }) => maker.host?.test(host) === true)
        .map(({ host }) => `the webhook to ${host}`),
      ...drains
        .filter(({ host }) => maker.host?.test(host) === true)
        .map(({ host }) => `the log drain to ${host}`),
    ];
    return evidence.length === 0 ? [] : [{ name: maker.name, evidence, limits: null }];
  });
}

const monitors = z.array(
  z.object({
    id: z.string().nullable().optional(),
    action_type: z.string().nullable().optional(),
    is_active: z.boolean().nullable().optional(),
    min_quantity: z.number().nullable().optional(),
    max_quantity: z.number().nullable().optional(),
  }),
);

/** Heroku scales web dynos of these sizes only (its command line refuses `ps:autoscale:enable` for others). */
export function mayAutoscale(formation: FormationProcess[]): boolean {
  return formation.some(({ type, size }) => type === 'web' && /^(performance|private|shield)/i.test(size));
}

/**
 * Heroku's own autoscaling of web dynos. The published API does not tell; this is where Heroku's command line reads and
 * changes it (heroku/cli, `ps:autoscale`): `https://api.metrics.heroku.com` in earnest. `undefined`: it is off.
 */
export async function readHerokuAutoscaler(
  address: UnofficialAddress,
  appId: string,
): Promise<{ autoscaler: Autoscaler | undefined } | { unknown: string }> {
  const found = await readScaleMonitor(address, appId);
  if ('unknown' in found) return found;
  const { scale } = found;
  // A monitor that does not say whether it is active may well be.
  if (scale === undefined || scale.is_active === false) return { autoscaler: undefined };
  const { min_quantity: min = null, max_quantity: max = null } = scale;
  return {
    autoscaler: {
      name: 'Heroku',
      evidence: ['its monitor of the web dynos is active'],
      limits: { process: 'web', min, max },
    },
  };
}

const ACCEPT = 'application/vnd.heroku+json; version=3';

function monitorsOf(appId: string): string {
  return `/apps/${encodeURIComponent(appId)}/formation/web/monitors`;
}

async function readScaleMonitor(
  address: UnofficialAddress,
  appId: string,
): Promise<{ scale: z.infer<typeof monitors>[number] | undefined } | { unknown: string }> {
  const found = await askUnofficially(address, monitorsOf(appId), monitors, ACCEPT);
  if ('unknown' in found) return found;
  return {
    scale: 'missing' in found ? undefined : found.answer.find((one) => one.action_type === 'scale'),
  };
}

/**
 * Turns Heroku's own autoscaling off, or on again as it was, as its command line does (`ps:autoscale:disable`), and reads
 * whether it is. The limits stay where they are kept. `undefined`: done; otherwise why not.
 */
export async function switchHerokuAutoscaler(
  address: UnofficialAddress,
  appId: string,
  on: boolean,
): Promise<string | undefined> {
  const found = await readScaleMonitor(address, appId);
  if ('unknown' in found) return found.unknown;
  const { scale } = found;
  if (scale === undefined) return on ? 'the monitor is gone' : undefined;
  if ((scale.is_active ?? true) === on) return undefined;
  if (typeof scale.id !== 'string') return 'the monitor has no id';
  const path = `${monitorsOf(appId)}/${encodeURIComponent(scale.id)}`;
  const told = await tellUnofficially(address, 'PATCH', path, {
    accept: ACCEPT,
    body: { is_active: on, period: 1, op: 'GREATER_OR_EQUAL' },
  });
  if ('unknown' in told) return told.unknown;
  const now = await readScaleMonitor(address, appId);
  if ('unknown' in now) return now.unknown;
  return (now.scale?.is_active ?? !on) === on ? undefined : 'it does not take effect';
}
