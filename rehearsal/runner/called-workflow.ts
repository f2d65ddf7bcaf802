import { join } from 'node:path';
import { ConfigurationError } from '../../src/errors.ts';
import { joinGroup } from './concurrency.ts';
import { render, renderText } from './expression.ts';
import type { Scope } from './expression.ts';
import { bindInputs } from './inputs.ts';
import { secretsOfCall } from './secrets.ts';
import { permissionsOf } from './workflow-call.ts';
import type { WorkflowCall } from './workflow-call.ts';
import { readWorkflow } from './workflow-file.ts';
import type { JobDefinition } from './workflow-file.ts';

const longestCallChain = 10;

/**
 * The workflow that a job calls, with that job's inputs, secrets and permissions, ready to be run. Throws
 * ConfigurationError where GitHub would refuse the call.
 */
export function openCall(
  call: WorkflowCall,
  definition: JobDefinition,
  uses: string,
  scope: Scope,
  caller: { id: string; cancel: AbortSignal },
): WorkflowCall {
  const { root, path } = locate(call, uses);
  const workflow = readWorkflow(path, root);
  if (!('workflow_call' in workflow.on)) {
    throw new ConfigurationError(`${uses} is not a workflow that can be called.`);
  }
  if (caller.id.split(' / ').length >= longestCallChain) {
    throw new ConfigurationError('Workflows call each other too deep.');
  }
  const trigger = workflow.on.workflow_call;
  const given = Object.fromEntries(
    Object.entries(definition.with ?? {}).map(([name, value]) => [name, render(value, scope)]),
  );
  const inner: WorkflowCall = {
    ...call,
    workflow,
    inputs: bindInputs(trigger?.inputs ?? {}, given, uses),
    secrets: secretsOfCall(
      call.secrets,
      passedSecrets(call, definition, scope),
      trigger?.secrets ?? {},
      uses,
    ),
    granted: permissionsOf(call, definition, caller.id),
    prefix: `${caller.id} / `,
    shared: { ...call.shared, cancel: caller.cancel },
  };
  return { ...inner, groups: joinGroup(inner) };
}

function passedSecrets(
  call: WorkflowCall,
  { secrets = {} }: JobDefinition,
  scope: Scope,
): 'inherit' | Record<string, string> {
  if (secrets === 'inherit') return secrets;
  const own: Scope = { ...scope, contexts: { ...scope.contexts, secrets: call.secrets.values } };
  return Object.fromEntries(Object.entries(secrets).map(([name, value]) => [name, renderText(value, own)]));
}

function locate(call: WorkflowCall, uses: string): { root: string; path: string } {
  if (uses.startsWith('./') || uses.startsWith('$/')) {
    return { root: call.workflow.root, path: join(call.workflow.root, uses.slice(2)) };
  }
  const own = /^[^/]+\/heroku-to-digitalocean\/([^@]+)@/u.exec(uses);
  if (own?.[1] === undefined)
    throw new ConfigurationError(`The workflow ${uses} is in another repository and is not played.`);
  return { root: call.options.projectRoot, path: join(call.options.projectRoot, own[1]) };
}
