import { invalid } from '../../shared/validate.js';
import type { QueueDefinition } from '../definition.js';
import { LoopDefinitionError, type LoopFault, LoopStateError, NotFoundError } from '../errors.js';
import { readQueue } from '../options.js';
import type { LoadedLoop, LoopWorkflow } from './contracts.js';
import { readWorkflow } from './options.js';
import type { Supervisor } from './supervisor.js';

/** The loaded workflow: its loops and the queues between them. */
export class LoadedWorkflow {
  readonly #loops = new Map<string, Supervisor>();
  readonly #queues = new Map<string, QueueDefinition>();

  /** The loops in the order in which they were loaded. */
  get loops(): readonly Supervisor[] {
    return [...this.#loops.values()];
  }

  /** The queues by name. */
  get queues(): ReadonlyMap<string, QueueDefinition> {
    return this.#queues;
  }

  /**
   * Returns a loop.
   *
   * @throws {NotFoundError} for an unknown loop
   */
  get(loopId: string): Supervisor {
    const supervisor = this.#loops.get(loopId);
    if (supervisor === undefined) throw new NotFoundError('loop', loopId, [...this.#loops.keys()]);
    return supervisor;
  }

  /**
   * Returns the given loop, or all running loops.
   *
   * @throws {LoopStateError} if the given loop is not running
   */
  running(loopId: string | undefined): readonly Supervisor[] {
    if (loopId === undefined) return this.loops.filter(({ isRunning }) => isRunning);
    const supervisor = this.get(loopId);
    if (!supervisor.isRunning) throw new LoopStateError(loopId, supervisor.state, 'call start() first');
    return [supervisor];
  }

  /**
   * Adds loops and queues to those loaded before. Adds nothing if anything is invalid.
   *
   * @param supervisorOf - creates the supervisor of a loop; `field` is the path of the loop in the argument of `load`
   * @throws {ValidationError} for a field that is unknown or of the wrong kind
   * @throws {LoopDefinitionError} with every fault
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
