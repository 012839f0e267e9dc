import type { Engine } from 'orchestrator/distributed';
import type { Dice } from './random.js';

/** What a fleet stands on, and ways to make that hard. */
export interface Surroundings {
  readonly kind: 'redis' | 'postgres' | 'pglite';
  /** Where the server listens for programs; none for one that is inside of them. */
  readonly port: number | undefined;
  /** The address for programs, through a proxy at a port. */
  addressAt(port: number): string;
  /** Variables for the environment of programs. */
  readonly env: Readonly<Record<string, string>>;
  /** What must be seen nowhere. */
  readonly secrets: readonly string[];
  /** What can be done to the server, by name. Each has ended when all is well again. */
  readonly troubles: Readonly<Record<string, (dice: Dice) => Promise<void>>>;
  /** Makes all well again that trouble may have left, as where it was broken off. */
  heal(): Promise<void>;
  /** Looks at the engine from outside of the fleet, which has to be stopped where it has the engine to itself. */
  inspect<Result>(look: (engine: Engine) => Promise<Result>): Promise<Result>;
  /**
   * What is kept that should not be, in words.
   *
   * @param runs - the runs that there are, by id, and whether they are over
   */
  leftovers(runs: ReadonlyMap<string, boolean>): Promise<string[]>;
  stop(): Promise<void>;
}
