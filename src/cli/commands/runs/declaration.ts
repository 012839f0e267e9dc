import type { Command } from 'commander';
import type { Session } from '../../session.js';
import { addContext } from './context/declaration.js';
import { addControls } from './control/declaration.js';
import { addErrors } from './errors/declaration.js';
import { addList } from './list/declaration.js';
import { addShow } from './show/declaration.js';
import { addSignal } from './signal/declaration.js';
import { addStart } from './start/declaration.js';
import { addWatch } from './watch/declaration.js';

/** `orchestrator runs`: manages the runs of an engine. Does not need the code of their workflows. */
export function addRuns(parent: Command, session: Session): void {
  const runs = parent
    .command('runs')
    .summary('start, find, watch and control the runs of an engine')
    .description('Start, find, watch and control the runs of an engine.');
  for (const add of [addStart, addList, addShow, addWatch, addControls, addSignal, addErrors, addContext]) {
    add(runs, session);
  }
}
