import type { HerokuInventory } from '../heroku/inventory.ts';
import { buildpackItems } from './buildpack-items.ts';
import { dataServiceItems } from './data-service-items.ts';
import { domainCertificateItems } from './domain-certificate-items.ts';
import { hostVariableItems } from './host-variable-items.ts';
import { automatic, blocked, decide, told, type Item } from './item.ts';
import { moverItems } from './mover-items.ts';
import { neighbourItems } from './neighbour-items.ts';
import { regionItems } from './region-items.ts';

/**
 * What the inventory alone tells about the move, beside what becomes of each process, add-on and config var: who shares
 * what, what moves by itself and must stand still, who reaches the app how, and where it runs. Pure.
 *
 * @param now for certificates that end soon; without it none is looked at.
 */
export function inventoryItems(inventory: HerokuInventory, now?: Date): Item[] {
  return [
    ...platform(inventory),
    ...buildpackItems(inventory),
    ...releasePhase(inventory),
    ...regionItems(inventory),
    ...neighbourItems(inventory),
    ...dataServiceItems(inventory),
    ...moverItems(inventory),
    ...domainCertificateItems(inventory, now),
    ...hostVariableItems(inventory),
  ];
}

function platform({ app, formation }: HerokuInventory): Item[] {
  const found: (Item | false)[] = [
    app.generation === 'fir'
      ? blocked({
          id: 'app/generation',
          area: 'app',
          what: `${app.name} is an app of the Fir generation`,
          why: 'its code is an image and its logs go through telemetry drains: the window parks an app on an empty slug, which Fir has not',
          remedy: 'Move it by hand, or to a Cedar app first; this version refuses it.',
        })
      : automatic({
          id: 'app/stack',
          area: 'app',
          what: `the stack ${app.stack}`,
          becomes:
            app.stack === 'container'
              ? 'the image of your own Dockerfile'
              : 'an image from a Dockerfile that provision proposes',
          why: `generation ${app.generation}${app.language === null ? '' : `, ${app.language}`}`,
        }),
    app.stack === 'heroku-20' || app.stack === 'heroku-22'
      ? told({
          id: 'app/old-stack',
          area: 'app',
          what: `the stack ${app.stack} is old`,
          becomes: 'an image with newer system libraries',
          why:
            app.stack === 'heroku-20'
              ? 'it is past its end of life (heroku/base-images, 2026-07-14)'
              : 'it is deprecated, with its end in April 2027 (heroku/base-images, 2026-07-14)',
          remedy: 'Let staging prove the newer libraries (OpenSSL, libvips, ImageMagick …).',
        })
      : false,
    app.shield &&
      blocked({
        id: 'app/shield',
        area: 'app',
        what: `the app lives in a Shield space (${app.space ?? 'unknown'})`,
        why: 'Shield is bought for HIPAA or PCI: App Platform gives no such promise by itself',
        remedy:
          'Settle with whoever answers for compliance what the new side must promise; this version refuses it.',
      }),
    app.internalRouting &&
      decide({
        id: 'app/internal-routing',
        area: 'app',
        what: 'the app is reachable inside its space only',
        question: 'Who may reach it on the new side? A service on App Platform is public.',
        options: ['public', 'replace'],
        why: 'internal routing is on',
        remedy:
          'Make it a worker or an internal port of an app on App Platform, which only its own components reach.',
      }),
    formation.some(({ size, quantity }) => quantity > 0 && /^eco$/i.test(size)) &&
      told({
        id: 'process/eco',
        area: 'process',
        what: 'Eco dynos sleep after half an hour without visitors',
        becomes: 'instances that are always awake',
        why: 'App Platform has none that sleep; what ran only when somebody came runs all the time',
        remedy: 'Look at jobs that a sleeping web dyno held back.',
      }),
  ];
  return found.filter((item) => item !== false);
}

function releasePhase({ releasePhase: command, features }: HerokuInventory): Item[] {
  if (command === null) return [];
  return [
    told({
      id: 'process/release-phase',
      area: 'process',
      what: `the release phase (${command})`,
      becomes: 'a job on App Platform before each deployment',
      why: `every release runs it, and so do the releases that park the app and undo a cutover${
        features.includes('preboot') ? '; with preboot old dynos serve on beside it' : ''
      }`,
      remedy: 'It must be harmless to run twice: the window’s undo waits for it.',
    }),
  ];
}
