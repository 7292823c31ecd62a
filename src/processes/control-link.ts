/**
 * The channel to the config service, opened when it is first wanted: what follows routes there and what reports there take the same.
 *
 * To open it takes modules, definitions and files, any of which may fail for reasons that pass, such as too many open files. So
 * a failure is that of those who waited for it, and whoever asks next tries again.
 */
import type { ControlChannel } from "../api/channel.ts";
import { systemClock } from "../base/clock.ts";
import type { ControlClient } from "../config/control-client.ts";
import { openPem } from "./tls.ts";

export class ControlLink {
  readonly #open: () => Promise<ControlChannel>;
  #channel: Promise<ControlChannel> | undefined = undefined;

  constructor(open: () => Promise<ControlChannel>) {
    this.#open = open;
  }

  channel(): Promise<ControlChannel> {
    if (this.#channel !== undefined) return this.#channel;
    const channel = this.#open();
    this.#channel = channel;
    channel.catch(() => {
      if (this.#channel === channel) this.#channel = undefined;
    });
    return channel;
  }

  async close(): Promise<void> {
    const channel = await this.#channel?.catch(() => undefined);
    channel?.close();
  }
}

/** In pieces of some 50 ms, between which calls go on: all at once is a stall that looks like an overload. */
export async function openChannel(control: ControlClient): Promise<ControlChannel> {
  const pause = (): Promise<void> => new Promise((resolve) => void systemClock.after(10, resolve));
  const { definitions } = await import("../api/protos.ts");
  await pause();
  definitions();
  await pause();
  const { ControlChannel } = await import("../api/channel.ts");
  await pause();
  return new ControlChannel(control, { clock: systemClock, openPem });
}
