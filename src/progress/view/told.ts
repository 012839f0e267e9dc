import { isGroup, type Tally } from '../model/tally.js';

/** What a line may be about. */
type Event = 'begin' | 'retry' | 'success' | 'failure';

/** So many lines about each kind of event of one name; what comes after is counted. */
const mostOfOneName = 10;
/** So many names; those that come after are as one. */
const mostNames = 500;
const others = '';
/** How much more time has to pass until the next line about what is counted, as a share of what has passed. */
const share = 0.1;

/** What has been told of all of one name, wherever they are in the tree by now. */
interface Account {
  readonly lines: Record<Event, number>;
  /** How much there was when it was last told. */
  known: number;
  firstAt: number | undefined;
  nextAt: number;
}

/** What has been told already, by kind and name: it decides what still is. */
export class Told {
  readonly #accounts = new Map<string, Account>();

  /** Whether there may be a line of its own about one more event; then there is one. */
  mayTell(tally: Tally, event: Event): boolean {
    return this.#account(tally).lines[event]++ < mostOfOneName;
  }

  /** Of what a line is due about how many there are: what is counted and has changed. */
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
  if (isGroup(tally.kind)) return tally.kind === 'map' && tally.live > 0;
  return Math.max(lines.success, lines.failure) > mostOfOneName;
}

/** What there may be a line about: a map tells of what is in it. */
function* counted(tally: Tally): Generator<Tally> {
  for (const inner of tally.inner) {
    yield inner;
    if (inner.kind !== 'map') yield* counted(inner);
  }
}

function amountOf(tally: Tally): number {
  if (tally.kind !== 'map') return tally.counts.ended;
  let settled = tally.items.settled;
  for (const { counted } of tally.running) settled += counted;
  return settled;
}
