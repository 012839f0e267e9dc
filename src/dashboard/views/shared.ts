interface Making<Value> {
  readonly made: Promise<Value>;
  /** The following call, for callers that arrived during this call. */
  next: Promise<Value> | undefined;
}

/**
 * Shares calls among concurrent callers, with one call per key at a time. A caller that arrives during a call gets the
 * result of the next call, because the current call may have read the state before the change that the caller asks
 * about.
 */
export function shared<Value>(make: (key: string) => Promise<Value>): (key: string) => Promise<Value> {
  const underWay = new Map<string, Making<Value>>();
  const begin = (key: string): Promise<Value> => {
    const making: Making<Value> = { made: make(key), next: undefined };
    underWay.set(key, making);
    const end = () => {
      if (making.next === undefined) underWay.delete(key);
    };
    making.made.then(end, end);
    return making.made;
  };
  return (key) => {
    const making = underWay.get(key);
    if (making === undefined) return begin(key);
    const next = () => begin(key);
    making.next ??= making.made.then(next, next);
    return making.next;
  };
}
