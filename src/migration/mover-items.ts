import type { Autoscaler } from '../heroku/autoscalers.ts';
import type { HerokuInventory } from '../heroku/inventory.ts';
import { automatic, decide, idPart, type Item } from './item.ts';

/** What changes dynos or code by itself, and must stand still in the window. */
export function moverItems(inventory: HerokuInventory): Item[] {
  return [...autoscalers(inventory), ...automaticDeploys(inventory)];
}

function autoscalers({ autoscalers: found }: HerokuInventory): Item[] {
  return found.map(({ name, evidence, limits }) => autoscalerItem(name, evidence, limits));
}

/** One question for each autoscaler, by whatever trace it was noticed: on the app, or in its code. */
export function autoscalerItem(
  name: string,
  evidence: readonly string[],
  limits: Autoscaler['limits'],
): Item {
  return decide({
    id: `traffic/autoscaler/${idPart(name)}`,
    area: 'traffic',
    what: `${name} scales the app${limits === null ? '' : ` (${limits.process}: ${limits.min ?? '?'} to ${limits.max ?? '?'})`}`,
    question:
      'Will it stand still in the window? A dyno that it starts would run old code beside the new side. What scales the new side?',
    options: ['stopped-before-the-cutover'],
    why: evidence.join(', '),
    remedy:
      name === 'Heroku'
        ? 'Turn it off before the cutover (`heroku ps:autoscale:disable`). App Platform scales instances with dedicated CPU by itself (`autoscaling` in the app spec).'
        : `Pause it in ${name} before the last run of assess, as the plan takes as many instances as there are dynos at that moment. App Platform scales instances with dedicated CPU by itself (\`autoscaling\` in the app spec).`,
  });
}

function automaticDeploys({ automaticDeploys: deploys, pipeline: found }: HerokuInventory): Item[] {
  const id = 'traffic/automatic-deploys';
  const area = 'traffic';
  const from = [deploys.repository, deploys.branch].filter((part) => part !== null).join(', branch ');
  switch (deploys.state) {
    case 'on':
      return [
        decide({
          id,
          area,
          what: `a push to ${from || 'its branch'} deploys the app by itself`,
          question:
            'Will it be off in the window? A release then starts the old code again, beside the new side.',
          options: ['off-before-the-cutover'],
          why: `Heroku's connection to GitHub says so${deploys.waitForCi ? '; it waits for CI' : ''}`,
          remedy:
            'Turn it off before the cutover (dashboard, Deploy, “Disable Automatic Deploys”), and build the new side from the same branch.',
        }),
      ];
    case 'off':
    case 'not-connected':
      return [
        automatic({
          id,
          area,
          what: 'automatic deploys are off',
          becomes: 'nothing to turn off',
          why:
            deploys.state === 'off'
              ? `connected to ${from || 'GitHub'}, deployed by hand`
              : 'the app is not connected to GitHub',
        }),
      ];
    case 'unknown':
      return [
        decide({
          id,
          area,
          what: 'whether a push to GitHub deploys the app by itself is not known',
          question: 'Is it off in the window? A release then would start the old code again.',
          options: ['off-before-the-cutover'],
          why: `${deploys.why}${found?.connectedToGithub === true ? '; its pipeline is connected to a repository on GitHub' : ''}`,
          remedy: 'Look at the Deploy tab of the app in Heroku’s dashboard, “Automatic deploys”.',
        }),
      ];
  }
}
