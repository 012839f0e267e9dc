import type { NodeKind } from './definition.js';
import {
  BaseNode,
  BlockingNode,
  type LoopNodeClass,
  NonBlockingNode,
  ProducerNode,
  QueueNode,
  QueueReader,
} from './node.js';

export function isNodeClass(implementation: unknown): implementation is LoopNodeClass {
  return typeof implementation === 'function' && implementation.prototype instanceof BaseNode;
}

/** Returns the kind of the nodes of a class, or undefined for a class that extends `BaseNode` directly. */
export function kindOfClass(implementation: LoopNodeClass): NodeKind | undefined {
  const is = (Class: abstract new (...args: never[]) => unknown) =>
    implementation === (Class as unknown) || implementation.prototype instanceof Class;
  if (is(QueueReader)) return 'reader';
  if (is(ProducerNode)) return 'producer';
  if (is(QueueNode)) return 'queue';
  if (is(NonBlockingNode)) return 'non-blocking';
  return is(BlockingNode) ? 'blocking' : undefined;
}
