import type * as Bull from 'bullmq';

/** The arguments with which BullMQ's queues and workers are created. */
export interface BullSetup {
  readonly bull: typeof Bull;
  readonly name: string;
  readonly options: Bull.QueueOptions;
  // biome-ignore lint/suspicious/noExplicitAny: BullMQ's factories differ in the connections that they take
  readonly backend?: any;
}
