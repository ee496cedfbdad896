import { signal } from "@preact/signals";
import type { Api } from "../api/api";
import type { ListEntry } from "../api/documents";
import { ApiError, errorMessage } from "../api/http";
import type { PictureList } from "../grid/picture_list";

const UNDO_MS = 5_000;

interface WaitingDeletion {
  image: string;
  timer: ReturnType<typeof setTimeout>;
}

/**
 * Sends each deletion after five seconds. Until then the user can undo it. Leaving the page commits the deletion.
 * The bucket keeps a deleted picture as an earlier version.
 */
export class Deletions {
  readonly waiting = signal<WaitingDeletion[]>([]);
  readonly failed = signal<{ image: string; problem: string }[]>([]);

  constructor(
    private readonly api: Api,
    private readonly pictures: PictureList,
  ) {
    addEventListener("pagehide", () => {
      for (const { image } of this.waiting.value) void this.send(image, true);
    });
  }

  /** Hide a picture, and delete it unless the user undoes this in time. */
  request(entry: Pick<ListEntry, "image" | "uploaded_at">) {
    const { image } = entry;
    if (this.isWaiting(image)) return;
    this.dismissFailure(image);
    this.pictures.hide(entry);
    const timer = setTimeout(() => void this.send(image, false), UNDO_MS);
    this.waiting.value = [...this.waiting.value, { image, timer }];
  }

  /** Keep a picture. Without a name, keep the one that was deleted last. */
  undo(image = this.waiting.value.at(-1)?.image) {
    if (image === undefined || !this.isWaiting(image)) return;
    this.stopWaiting(image);
    this.pictures.unhide(image);
  }

  dismissFailure(image: string) {
    this.failed.value = this.failed.value.filter((failure) => failure.image !== image);
  }

  private async send(image: string, keepalive: boolean) {
    this.stopWaiting(image);
    try {
      await this.api.deletePicture(image, keepalive);
    } catch (error) {
      if (error instanceof ApiError && error.code === "ImageNotFound") return; // somebody else has deleted it
      this.pictures.unhide(image);
      this.failed.value = [...this.failed.value, { image, problem: errorMessage(error) }];
    }
  }

  private isWaiting(image: string): boolean {
    return this.waiting.value.some((deletion) => deletion.image === image);
  }

  private stopWaiting(image: string) {
    for (const deletion of this.waiting.value) if (deletion.image === image) clearTimeout(deletion.timer);
    this.waiting.value = this.waiting.value.filter((deletion) => deletion.image !== image);
  }
}
