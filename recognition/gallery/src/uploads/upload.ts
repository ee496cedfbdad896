import { signal } from "@preact/signals";
import type { Picture } from "../api/documents";
import { strings } from "../strings";

const STALL_MS = 35_000; // without progress; the service answers within 30,000

export type Progress =
  | { is: "waiting" | "recognizing" | "late" | "taken" | "skipped" }
  | { is: "sending"; part: number | null }
  | { is: "done"; picture: Picture; wasStored: boolean }
  | { is: "failed"; problem: string; canRetry: boolean };

/** What to do with a file that has the name of another picture. */
export type NameChoice = "skip" | "replace" | "keep";

/** Files that were added together. One choice applies to all of them, even to those that are sent later. */
export interface Batch {
  choice: NameChoice | null;
}

/** One file or one URL. */
export class Upload {
  readonly progress = signal<Progress>({ is: "waiting" });
  overwrite = false;
  private sending = new AbortController();
  private stallTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly id: number,
    readonly source: File | string,
    readonly batch: Batch,
    /** The picture's name. The service may choose the name of a picture from a URL. */
    public name: string | null,
    /** The `blob:` URL of the file, shown until the thumbnail exists. */
    readonly preview: string | null,
  ) {}

  get title(): string {
    return this.name ?? String(this.source);
  }

  /** True if the page has no work left: it is settled, or only the user can continue. */
  get isOver(): boolean {
    return this.isSettled || ["failed", "taken"].includes(this.progress.value.is);
  }

  /** True if neither the page nor the user has work left. */
  get isSettled(): boolean {
    return ["done", "late", "skipped"].includes(this.progress.value.is);
  }

  /** Show that the page sends this upload. Returns the signal that aborts it. */
  begin(): AbortSignal {
    this.sending = new AbortController();
    this.continue(typeof this.source === "string" ? null : 0);
    return this.sending.signal;
  }

  /** Show the sent part, and abort the upload if no progress follows in time. */
  continue(part: number | null) {
    this.progress.value = { is: "sending", part };
    clearTimeout(this.stallTimer);
    this.stallTimer = setTimeout(() => this.sending.abort(new Error(strings.stalled)), STALL_MS);
  }

  /** Show the state after the sending. */
  end(progress: Progress) {
    clearTimeout(this.stallTimer);
    this.progress.value = progress;
  }

  abort() {
    this.sending.abort();
  }
}
