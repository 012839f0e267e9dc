import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { drawSvg, graphOf } from '../../../dashboard/graph/index.js';
import { FlowNode, toBlueprint, toMermaid, type WorkflowBlueprint } from '../../../flow/index.js';
import { CliError, exitCodes, usageError } from '../../exit-codes.js';
import { harmless, oneLine } from '../../output/text.js';
import type { Session } from '../../session.js';
import type { EngineFlags } from '../../setup/engine.js';
import { withFleet } from '../../setup/fleet.js';
import { chooseFlow, loadModule } from '../../setup/modules.js';
import { type RevealFlags, redactorOf } from '../../setup/redaction.js';
import { detailOf } from '../runs/show/work.js';

interface GraphFlags extends EngineFlags, RevealFlags {
  readonly svg?: boolean;
  readonly output?: string;
  readonly run?: string;
  readonly json?: boolean;
}

/** Draws a flow or a run. */
export async function graph(
  session: Session,
  module: string | undefined,
  name: string | undefined,
  flags: GraphFlags,
): Promise<void> {
  if ((module === undefined) === (flags.run === undefined)) {
    throw usageError('nothing to draw: give a module, or --run <id>');
  }
  const text = module === undefined ? await ofRun(session, flags) : await ofModule(session, module, name, flags);
  if (flags.output === undefined) return session.stdout.text(text);
  const path = resolve(session.io.cwd, flags.output);
  await writeFile(path, text).catch((cause: unknown) => {
    throw new CliError(`${path} cannot be written`, exitCodes.failed, { cause });
  });
  session.stderr.line(session.stderr.styled('dim', `written to ${oneLine(path)}`));
}

async function ofModule({ io }: Session, module: string, name: string | undefined, flags: GraphFlags): Promise<string> {
  const flow = chooseFlow(await loadModule(module, io.cwd), name);
  const blueprint = flow instanceof FlowNode ? flow.toBlueprint() : toBlueprint(flow);
  if (flags.svg === true) return drawSvg(graphOf(blueprint));
  return harmless(flags.json === true ? `${JSON.stringify(blueprint, undefined, 2)}\n` : toMermaid(blueprint));
}

async function ofRun(session: Session, flags: GraphFlags): Promise<string> {
  const runId = flags.run as string;
  return withFleet(session, flags, async (fleet) => {
    const { workflow, version } = await fleet.orchestrator.run(runId);
    const redact = redactorOf(fleet.found, flags);
    const blueprint = redact.value(await fleet.orchestrator.blueprint(workflow, version)) as WorkflowBlueprint;
    if (flags.svg === true) return drawSvg((await detailOf(fleet, runId, flags)).graph ?? graphOf(blueprint));
    if (flags.json === true) return harmless(`${JSON.stringify(blueprint, undefined, 2)}\n`);
    return harmless(toMermaid(blueprint, await fleet.orchestrator.result(runId)));
  });
}
