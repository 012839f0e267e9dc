import type { Outcome, Status } from './fleet.js';

/** Messages from a program to the demo that started it. */
export type Message =
  | { readonly type: 'status'; readonly status: Status }
  | { readonly type: 'outcome'; readonly outcome: Outcome; readonly left: number };

export async function tell(message: Message): Promise<void> {
  await new Promise<void>((resolve) => {
    if (process.send === undefined) resolve();
    else process.send(message, () => resolve());
  });
}
