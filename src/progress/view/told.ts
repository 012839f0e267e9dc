import { hasItems, isGroup, type Tally } from '../model/tally.js';

/** The events that a line can report. */
type Event = 'begin' | 'retry' | 'success' | 'failure';

/** Maximum number of lines per name and kind of event. Later events are counted. */
const mostOfOneName = 10;
/** Maximum number of names. Later names share one account. */
const mostNames = 500;
const others = '';
/** Time until the next line about counts, as a share of the time since the first line. */
const share = 0.1;

/** The reports about one name, at all its places in the tree. */
interface Account {
  readonly lines: Record<Event, number>;
  /** The amount in the last report. */
  known: number;
  firstAt: number | undefined;
  nextAt: number;
}

/** The reports written so far, by kind and name. They decide which events still get a line. */
export class Told {
  readonly #accounts = new Map<string, Account>();

  /** Returns true if one more event may have a line of its own, and counts that line. */
  mayTell(tally: Tally, event: Event): boolean {
    return this.#account(tally).lines[event]++ < mostOfOneName;
  }

  /** Returns the tallies whose counts have changed and are due for a report. */
  due(root: Tally, now: number, interval: number): readonly Tally[] {
    const due: Tally[] = [];
    for (const tally of counted(root)) {
      const account = this.#account(tally);
      const amount = amountOf(tally);
      if (!isCounted(tally, account) || amount === account.known || now < account.nextAt) continue;
      account.firstAt ??= now;
      account.nextAt = now + Math.max(interval, (now - account.firstAt) * share);
      account.known = amount;
      due.push(tally);
    }
    return due;
  }

  #account({ kind, label }: Tally): Account {
    const name = `${kind} ${label}`;
    const key = this.#accounts.has(name) || this.#accounts.size < mostNames ? name : others;
    const known = this.#accounts.get(key);
    if (known !== undefined) return known;
    const account = { lines: { begin: 0, retry: 0, success: 0, failure: 0 }, known: 0, firstAt: undefined, nextAt: 0 };
    this.#accounts.set(key, account);
    return account;
  }
}

function isCounted(tally: Tally, { lines }: Account): boolean {
  if (isGroup(tally.kind)) return hasItems(tally.kind) && tally.live > 0;
  return Math.max(lines.success, lines.failure) > mostOfOneName;
}

/** Yields the tallies that can have a line. The contents of a map are reported by the map. */
function* counted(tally: Tally): Generator<Tally> {
  for (const inner of tally.inner) {
    yield inner;
    if (!hasItems(inner.kind)) yield* counted(inner);
  }
}

function amountOf(tally: Tally): number {
  if (!hasItems(tally.kind)) return tally.counts.ended;
  let settled = tally.items.settled;
  for (const { counted } of tally.running) settled += counted;
  return settled;
}
