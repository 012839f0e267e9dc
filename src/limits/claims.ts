/**
 * Claims keep programs from starving each other. A program that has just released a place can take the place again
 * before any other program asks for it, and small costs can fill a window before a large cost fits. A request that has
 * been waiting for `claimTime` claims the next place. The store then refuses all younger requests until the claim is
 * served, or has not been repeated for `claimHold`. There is one claim for a limit and key: the oldest.
 */

/** Milliseconds after which a waiting request claims the next place. */
export const claimTime = 1_000;

/** Milliseconds for which a claim holds. Longer than the longest delay between two requests of an attempt. */
export const claimHold = 2_000;
