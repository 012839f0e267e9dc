import { invalid } from '../../shared/validate.js';
import type { QueueDefinition } from '../definition.js';
import { LoopDefinitionError, type LoopFault, LoopStateError, NotFoundError } from '../errors.js';
import { readQueue } from '../options.js';
import type { LoadedLoop, LoopWorkflow } from './contracts.js';
import { readWorkflow } from './options.js';
import type { Supervisor } from './supervisor.js';

/** What has been loaded: loops, and the queues between them. */
export class LoadedWorkflow {
  readonly #loops = new Map<string, Supervisor>();
  readonly #queues = new Map<string, QueueDefinition>();

  /** In the order in which they were loaded. */
  get loops(): readonly Supervisor[] {
    return [...this.#loops.values()];
  }

  /** By name. */
  get queues(): ReadonlyMap<string, QueueDefinition> {
    return this.#queues;
  }

  /** @throws {NotFoundError} for a loop that is not there */
  get(loopId: string): Supervisor {
    const supervisor = this.#loops.get(loopId);
    if (supervisor === undefined) throw new NotFoundError('loop', loopId, [...this.#loops.keys()]);
    return supervisor;
  }

  /** The loop, or all that run. @throws {LoopStateError} where the one does not run */
  running(loopId: string | undefined): readonly Supervisor[] {
    if (loopId === undefined) return this.loops.filter(({ isRunning }) => isRunning);
    const supervisor = this.get(loopId);
    if (!supervisor.isRunning) throw new LoopStateError(loopId, supervisor.state, 'it does not run');
    return [supervisor];
  }

  /**
   * Adds loops and queues to those that were loaded before: all of them, or none where something is wrong.
   *
   * @param supervisorOf - makes what has a loop over all its lives; `field` says where the loop stands
   * @throws {ValidationError} for a field that is unknown or of the wrong kind
   * @throws {LoopDefinitionError} that lists every fault
   */
  add(workflow: LoopWorkflow, supervisorOf: (loop: LoadedLoop, field: string) => Supervisor): void {
    const { queues = {}, loops } = readWorkflow(workflow, 'workflow');
    if (!Array.isArray(loops)) throw invalid('workflow.loops', 'an array', loops);
    const faults: LoopFault[] = [];
    const supervisors = new Map<string, Supervisor>();
    for (const [index, loop] of loops.entries()) {
      try {
        const supervisor = supervisorOf(loop, `workflow.loops[${index}]`);
        if (this.#loops.has(supervisor.id) || supervisors.has(supervisor.id)) {
          faults.push({ message: `there are two loops "${supervisor.id}"`, loopId: supervisor.id });
        }
        supervisors.set(supervisor.id, supervisor);
      } catch (error) {
        if (!(error instanceof LoopDefinitionError)) throw error;
        faults.push(...error.faults);
      }
    }
    const definitions = Object.entries(queues).map(
      ([name, queue]) => [name, readQueue(queue, `workflow.queues.${name}`)] as const,
    );
    for (const [name] of definitions) {
      if (this.#queues.has(name)) faults.push({ message: `there are two queues "${name}"`, queue: name });
    }
    if (faults.length > 0) throw new LoopDefinitionError(faults);
    for (const [name, definition] of definitions) this.#queues.set(name, definition);
    for (const [id, supervisor] of supervisors) this.#loops.set(id, supervisor);
  }
}
