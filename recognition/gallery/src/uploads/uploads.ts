import { effect, signal, untracked } from "@preact/signals";
import type { Api } from "../api/api";
import type { Picture } from "../api/documents";
import { ApiError, errorMessage } from "../api/http";
import { pause } from "../shared/pause";
import { strings } from "../strings";
import { nameFromUrl, numberedName } from "./file_names";
import { isMetadata, isVideo, mediaType } from "./file_types";
import { md5Of } from "./md5";
import { FinalError, postForm } from "./post_form";
import { type NameChoice, Upload } from "./upload";

const MAX_PARALLEL = 4;
const FIRST_CHECK_MS = 400;
const MAX_CHECK_MS = 5_000;
const CHECK_SPACING_MS = 250; // for all uploads together
const FOLLOW_MINUTES = 10;
const MAX_HASHED_BYTES = 64_000_000; // the service's own limit is lower

/** Sends files and URLs, a few at a time, and follows each until its picture is recognised. */
export class Uploads {
  readonly all = signal<Upload[]>([]);
  private count = 0;
  private lastCheck = Promise.resolve<unknown>(null);

  /** Calls `beforeReplacing` before a picture is replaced, and `onRecognized` when one is recognised. */
  constructor(
    private readonly api: Api,
    private readonly beforeReplacing: (image: string) => void,
    private readonly onRecognized: (picture: Picture) => void,
  ) {
    effect(() => {
      if (api.needsKey.value === "no") untracked(() => this.sendWaiting()); // a new key replaced a refused one
    });
    addEventListener("beforeunload", (event) => {
      const isUnsent = (upload: Upload) => ["waiting", "sending"].includes(upload.progress.value.is);
      if (this.all.value.some(isUnsent)) event.preventDefault(); // the browser asks for confirmation
    });
  }

  addFiles(files: Iterable<File>) {
    const batch = { choice: null };
    this.add([...files].map((file) => new Upload(++this.count, file, batch, file.name, URL.createObjectURL(file))));
  }

  addUrls(urls: string[]) {
    const batch = { choice: null };
    this.add(urls.map((url) => new Upload(++this.count, url, batch, null, null)));
  }

  /** The uploads that wait for a choice, because another picture has their name. */
  get taken(): Upload[] {
    return this.all.value.filter((upload) => upload.progress.value.is === "taken");
  }

  /** Apply a choice to all uploads that wait for one, and to the rest of their batches. */
  chooseForAll(choice: NameChoice) {
    for (const upload of this.taken) {
      upload.batch.choice = choice;
      this.choose(upload, choice);
    }
  }

  private choose(upload: Upload, choice: NameChoice) {
    const { batch, title } = upload;
    // Two files of one batch may have the same name. The second does not replace the first.
    const isFromBatch = this.all.value.some(
      (other) => other.batch === batch && other.title === title && !["taken", "skipped"].includes(other.progress.value.is),
    );
    if (choice === "skip") upload.progress.value = { is: "skipped" };
    else if (choice === "replace" && !isFromBatch) this.retry(upload, { overwrite: true });
    else this.retry(upload, { name: numberedName(title) });
  }

  /** Send an upload again. `change` gives it another name, or lets it replace the picture that has its name. */
  retry(upload: Upload, change: { name?: string; overwrite?: boolean } = {}) {
    upload.name = change.name ?? upload.name;
    upload.overwrite = change.overwrite ?? upload.overwrite;
    upload.progress.value = { is: "waiting" };
    this.sendWaiting();
  }

  remove(removed: Upload[]) {
    this.all.value = this.all.value.filter((upload) => !removed.includes(upload));
    for (const upload of removed) {
      upload.abort();
      if (upload.preview) URL.revokeObjectURL(upload.preview);
    }
  }

  private add(uploads: Upload[]) {
    this.all.value = [...uploads, ...this.all.value];
    this.sendWaiting();
  }

  /** Send waiting uploads. Sends one upload per name at a time: of two parallel ones, the last would win. */
  private sendWaiting() {
    if (this.api.needsKey.value !== "no") return;
    const sending = this.all.value.filter((upload) => upload.progress.value.is === "sending");
    const waiting = this.all.value.filter((upload) => upload.progress.value.is === "waiting").reverse();
    for (const upload of waiting) {
      if (sending.length >= MAX_PARALLEL) return;
      if (sending.some(({ title }) => title === upload.title)) continue;
      sending.push(upload);
      void this.run(upload);
    }
  }

  private async run(upload: Upload) {
    let requestId: string | null;
    try {
      requestId = await this.send(upload, upload.begin());
      upload.end({ is: "recognizing" });
    } catch (error) {
      this.handleFailure(upload, error);
      return;
    } finally {
      this.sendWaiting();
    }
    await this.follow(upload, requestId);
  }

  private handleFailure(upload: Upload, error: unknown) {
    const code = error instanceof ApiError ? error.code : "";
    if (code === "NameTaken") {
      upload.end({ is: "taken" });
      if (upload.batch.choice) this.choose(upload, upload.batch.choice);
    } else if (code === "Forbidden" && this.api.usesKeys) {
      upload.end({ is: "waiting" }); // until the user enters a valid key
    } else {
      const isFinal = error instanceof FinalError || (error instanceof ApiError && !error.isTransient);
      upload.end({ is: "failed", problem: errorMessage(error), canRetry: !isFinal });
    }
  }

  /** Store the picture. Returns the id of the storing call, or null if the bucket held the same bytes before. */
  private send(upload: Upload, signal: AbortSignal): Promise<string | null> {
    const { source, overwrite, title } = upload;
    if (overwrite) this.beforeReplacing(title);
    return typeof source === "string" ? this.sendUrl(upload, source, signal) : this.sendFile(upload, source, signal);
  }

  private async sendUrl(upload: Upload, url: string, signal: AbortSignal): Promise<string | null> {
    try {
      const stored = await this.api.storeFromUrl(url, upload.name, upload.overwrite, signal);
      upload.name = stored.image;
      return stored.request_id;
    } catch (error) {
      if (error instanceof ApiError && error.code === "NameTaken") upload.name ??= nameFromUrl(url);
      throw error;
    }
  }

  private async sendFile(upload: Upload, file: File, signal: AbortSignal): Promise<string | null> {
    const type = await mediaType(file);
    if (!type) throw new FinalError(refusal(file.name));
    const hash = file.size <= MAX_HASHED_BYTES ? { md5: await md5Of(file, signal) } : {};
    const description = { name: upload.title, content_type: type, ...hash };
    const form = await this.api.uploadForm(description, upload.overwrite, signal);
    if (!form) return null;
    if (file.size > form.max_bytes) throw new FinalError(strings.tooLarge(file.size, form.max_bytes));
    await postForm(form, file, signal, (part) => upload.continue(part));
    return form.request_id;
  }

  /** Wait until the picture is recognised. `requestId` is the call that stored it; null accepts any version. */
  private async follow(upload: Upload, requestId: string | null) {
    const end = Date.now() + FOLLOW_MINUTES * 60_000;
    for (let wait = FIRST_CHECK_MS; Date.now() < end; wait = Math.min(wait * 1.4, MAX_CHECK_MS)) {
      await pause(wait);
      await this.nextCheck();
      if (!this.all.value.includes(upload)) return;
      const picture = await this.api.picture(upload.title).catch(() => null); // the next check may work
      if (picture && (requestId === null || picture.correlation_id === requestId)) {
        this.onRecognized(picture);
        upload.progress.value = { is: "done", picture, wasStored: requestId === null };
        return;
      }
    }
    upload.progress.value = { is: "late" };
  }

  /** Wait for this upload's turn: all uploads together check at a limited rate. */
  private nextCheck(): Promise<unknown> {
    const turn = this.lastCheck;
    this.lastCheck = turn.then(() => pause(CHECK_SPACING_MS));
    return turn;
  }
}

/** Return the reason why a file is not added. */
function refusal(name: string): string {
  if (isMetadata(name)) return strings.metadata;
  return isVideo(name) ? strings.video : strings.unsupported;
}
