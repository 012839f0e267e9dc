import type { News, Wish } from './news.js';
import { Source } from './source.js';

/** Sends a message from a tab to its hub. */
export type Ask = (wish: Wish) => void;

interface Member {
  readonly tell: (news: News) => void;
  run: string | undefined;
  group: Group | undefined;
}

/**
 * Shares connections among tabs. A browser opens at most six connections per host, and a stream occupies one. Tabs with
 * the same token share a connection. A hub without visible tabs has no connection.
 */
export class Hub {
  readonly #groups = new Map<string | undefined, Group>();

  /** @param base - address of the dashboard, ending with `/` */
  constructor(private readonly base: string) {}

  /** @param tell - called with news while the tab follows the stream */
  join(tell: (news: News) => void): Ask {
    const member: Member = { tell, run: undefined, group: undefined };
    return (wish) => {
      tell({ kind: 'heard' });
      if (wish.kind === 'follow') this.#follow(member, wish.token, wish.run);
      else if (wish.kind === 'leave') this.#leave(member);
      else member.group?.source.reopen();
    };
  }

  #follow(member: Member, token: string | undefined, run: string | undefined): void {
    const before = member.group;
    if (before !== undefined && before === this.#groups.get(token) && member.run === run) return;
    member.run = run;
    const group = this.#groups.get(token) ?? this.#open(token);
    if (before !== group) {
      this.#leave(member);
      member.group = group;
      group.enter(member);
    }
    group.watch();
  }

  #open(token: string | undefined): Group {
    const group = new Group(this.base, token);
    this.#groups.set(token, group);
    return group;
  }

  #leave(member: Member): void {
    const { group } = member;
    if (group === undefined) return;
    member.group = undefined;
    group.members.delete(member);
    if (group.members.size > 0) {
      group.watch();
    } else {
      group.source.close();
      this.#groups.delete(group.token);
    }
  }
}

/** Tabs that share a connection. */
class Group {
  readonly members = new Set<Member>();
  readonly source: Source;
  /** The last event of each name that carries a state. */
  readonly #last = new Map<string, News>();

  constructor(
    base: string,
    readonly token: string | undefined,
  ) {
    this.source = new Source({ base, token, tell: (news) => this.#tell(news) });
  }

  /** Adds a tab, and sends it the states that the other tabs already know. */
  enter(member: Member): void {
    this.members.add(member);
    this.source.reopen();
    member.tell({ kind: 'state', state: this.source.state });
    for (const news of this.#last.values()) member.tell(news);
  }

  watch(): void {
    this.source.watch([...new Set([...this.members].flatMap(({ run }) => (run === undefined ? [] : [run])))]);
  }

  #tell(news: News): void {
    if (news.kind === 'event' && news.name !== 'runs' && news.name !== 'run') this.#last.set(news.name, news);
    for (const member of this.members) if (isFor(member, news)) member.tell(news);
  }
}

function isFor({ run }: Member, news: News): boolean {
  if (news.kind !== 'event' || news.name !== 'run') return true;
  return (news.data as { readonly runId?: unknown }).runId === run;
}
