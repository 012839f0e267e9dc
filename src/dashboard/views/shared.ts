interface Making<Value> {
  readonly made: Promise<Value>;
  /** The one after it, for those who came when it had begun. */
  next: Promise<Value> | undefined;
}

/**
 * One at a time for the same thing, shared by all who ask meanwhile. Nobody gets what was begun before they asked: it may
 * not know what they ask because of.
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
