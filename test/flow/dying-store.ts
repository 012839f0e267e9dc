import { MemoryCheckpointStore } from 'orchestrator/flow';

/**
 * A store for programs that die: it accepts a number of entries, then fails. The run of the program ends with the error
 * of the store, and another program may continue it from the entries that the store has.
 */
export class DyingStore extends MemoryCheckpointStore {
  /** The number of entries that are still accepted. */
  room = Infinity;

  override async append(...args: Parameters<MemoryCheckpointStore['append']>): Promise<void> {
    if (this.room-- <= 0) throw new Error('the disk is full');
    return super.append(...args);
  }

  /** Carries out a run in a program that dies after a number of entries. Returns false if the program needed fewer. */
  async dies(room: number, work: () => Promise<unknown>): Promise<boolean> {
    this.room = room;
    const hasDied = await work().then(
      () => false,
      (error: Error) => error.message === 'the disk is full',
    );
    this.room = Infinity;
    return hasDied;
  }
}
