import type { Attributes } from '@opentelemetry/api';
import type { GroupRecord, ProcessRecord, TaskRecord, TaskRetryEvent } from '../index.js';
import type { NodeData } from '../loops/index.js';
import { errorTypeOf, messageOf } from './errors.js';

/**
 * Span attributes of records. Their names follow the semantic conventions if these define a name, and otherwise start
 * with `orchestrator.`. The attributes contain no arguments, results or state. `docs/telemetry.md` has a table of them.
 */

type AnyRecord = Pick<ProcessRecord, 'status' | 'error'>;

export function ofProcess({ id, name, life }: ProcessRecord): Attributes {
  const attributes: Attributes = {
    'orchestrator.kind': 'process',
    'orchestrator.process.id': id,
    'orchestrator.process.name': name,
  };
  if (life !== undefined) attributes['orchestrator.process.life'] = life;
  return attributes;
}

/** @param data - the data that the task has received, if it is a call of a loop's node */
export function ofTask(record: TaskRecord, data: NodeData | undefined): Attributes {
  const attributes: Attributes = {
    'orchestrator.kind': 'task',
    'orchestrator.process.id': record.processId,
    'orchestrator.task.name': record.name,
    'orchestrator.task.number': record.number,
  };
  if (data === undefined) return attributes;
  attributes['orchestrator.loop.id'] = data.loopId;
  attributes['orchestrator.loop.iteration'] = data.iteration;
  const [message] = data.messages;
  if (message === undefined) return attributes;
  attributes['messaging.system'] = 'orchestrator';
  attributes['messaging.destination.name'] = message.queue;
  if (data.messages.length > 1) attributes['messaging.batch.message_count'] = data.messages.length;
  else {
    attributes['messaging.message.id'] = String(message.id);
    attributes['orchestrator.message.deliveries'] = message.deliveries;
  }
  return attributes;
}

export function ofGroup({ kind, processId, name, total }: GroupRecord): Attributes {
  const attributes: Attributes = {
    'orchestrator.kind': 'group',
    'orchestrator.process.id': processId,
    'orchestrator.group.kind': kind,
    'orchestrator.group.name': name,
  };
  if (total !== undefined) attributes['orchestrator.group.total'] = total;
  return attributes;
}

/** Attributes of the outcome. */
function ofEnd({ status, error }: AnyRecord): Attributes {
  const attributes: Attributes = { 'orchestrator.status': status };
  if (status === 'failed') attributes['error.type'] = errorTypeOf(error);
  return attributes;
}

export function ofProcessEnd(record: ProcessRecord): Attributes {
  const attributes = ofEnd(record);
  if (record.replayed > 0) attributes['orchestrator.process.replayed'] = record.replayed;
  return attributes;
}

export function ofTaskEnd(record: TaskRecord): Attributes {
  const attributes = ofEnd(record);
  attributes['orchestrator.task.attempts'] = record.attempts;
  if (record.waited > 0) attributes['orchestrator.task.waited'] = record.waited / 1000;
  if (record.isRetried || record.previousAttempts > 0) {
    attributes['orchestrator.task.attempt'] = record.previousAttempts + record.attempts;
  }
  return attributes;
}

export function ofGroupEnd(record: GroupRecord): Attributes {
  const attributes = ofEnd(record);
  attributes['orchestrator.group.settled'] = record.settled;
  attributes['orchestrator.group.failed'] = record.failed;
  return attributes;
}

export function ofRetry({ attempt, retriesLeft, delay, error }: TaskRetryEvent): Attributes {
  const attributes: Attributes = {
    'orchestrator.retry.attempt': attempt,
    'orchestrator.retry.delay': delay / 1000,
    'error.type': errorTypeOf(error),
    'exception.message': messageOf(error),
  };
  // OpenTelemetry cannot transmit Infinity.
  if (Number.isFinite(retriesLeft)) attributes['orchestrator.retry.left'] = retriesLeft;
  return attributes;
}
