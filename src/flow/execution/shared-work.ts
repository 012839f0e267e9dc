import type { Followed } from '../../kernel/actions/action.js';
import type { Work } from '../../kernel/scope/task.js';
import type { Target } from './targets.js';

/** Everything that nodes with the same target share, because their code is the same. */
export class SharedWork {
  readonly #works = new Map<Target, Work>();
  readonly #followed = new Map<Target, Followed>();

  /** Returns the work of nodes without policies of their own. */
  of(target: Target, make: () => Work): Work {
    const known = this.#works.get(target);
    if (known !== undefined) return known;
    const made = make();
    this.#works.set(target, made);
    return made;
  }

  followedOf(target: Target): Followed {
    const known = this.#followed.get(target);
    if (known !== undefined) return known;
    const followed = { count: 0 };
    this.#followed.set(target, followed);
    return followed;
  }
}
