/**
 * Deletions wait for five seconds, in which they can be undone. Who leaves the page in that time has not undone them:
 * they are sent then. (The bucket keeps what was deleted as an earlier version.)
 */

import { signal } from "@preact/signals";
import { type Api, ApiError, type Entry, inWords } from "./api";
import type { Pictures } from "./pictures";

const UNDO_SECONDS = 5;

interface Deletion {
  image: string;
  timer: ReturnType<typeof setTimeout>;
}

export class Deletions {
  readonly waiting = signal<Deletion[]>([]);
  readonly failed = signal<{ image: string; problem: string }[]>([]);

  constructor(
    private readonly api: Api,
    private readonly pictures: Pictures,
  ) {
    addEventListener("pagehide", () => {
      for (const { image } of this.waiting.value) void this.send(image, true);
    });
  }

  ask(entry: Pick<Entry, "image" | "uploaded_at">) {
    const { image } = entry;
    if (this.isWaiting(image)) return;
    this.forget(image);
    this.pictures.hide(entry);
    const timer = setTimeout(() => void this.send(image, false), UNDO_SECONDS * 1000);
    this.waiting.value = [...this.waiting.value, { image, timer }];
  }

  /** Keep it after all; without a name, the last one. */
  undo(image = this.waiting.value.at(-1)?.image) {
    if (image === undefined || !this.isWaiting(image)) return;
    this.take(image);
    this.pictures.unhide(image);
  }

  forget(image: string) {
    this.failed.value = this.failed.value.filter((failure) => failure.image !== image);
  }

  private async send(image: string, keepalive: boolean) {
    this.take(image);
    try {
      await this.api.remove(image, keepalive);
    } catch (error) {
      if (error instanceof ApiError && error.code === "ImageNotFound") return; // it is gone already
      this.pictures.unhide(image);
      this.failed.value = [...this.failed.value, { image, problem: inWords(error) }];
    }
  }

  private isWaiting(image: string): boolean {
    return this.waiting.value.some((deletion) => deletion.image === image);
  }

  private take(image: string) {
    for (const deletion of this.waiting.value) if (deletion.image === image) clearTimeout(deletion.timer);
    this.waiting.value = this.waiting.value.filter((deletion) => deletion.image !== image);
  }
}
