/** Pictures on their way in: sent a few at once, then followed until they are recognised. */

import { effect, signal, untracked } from "@preact/signals";
import { type Api, ApiError, type Form, inWords, pause, type Picture } from "./api";
import { md5Of } from "./md5";
import { strings } from "./strings";

const AT_ONCE = 4;
const STALLED = 35_000; // ms in which nothing was sent; the service answers within 30,000
const FIRST_LOOK = 400; // ms; then ever more rarely
const RAREST_LOOK = 5000;
const BETWEEN_LOOKS = 250; // however many are followed
const FOLLOWED_MINUTES = 10;
const MAX_HASHED_BYTES = 64_000_000; // the service takes less: a larger file is refused, whatever its hash

/** The media types that the service takes, by file suffix: not every system knows all of them. */
const TYPES: Record<string, string> = {
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  png: "image/png",
  webp: "image/webp",
  avif: "image/avif",
  heic: "image/heic",
  heif: "image/heic",
  gif: "image/gif",
  tif: "image/tiff",
  tiff: "image/tiff",
  bmp: "image/bmp",
};
export const ACCEPTED = [...new Set(Object.values(TYPES)), ".heic", ".heif"].join(",");

type Progress =
  | { is: "waiting" | "recognizing" | "late" | "taken" | "skipped" }
  | { is: "sending"; part: number | null }
  | { is: "done"; picture: Picture; wasThere: boolean }
  | { is: "failed"; problem: string; canRetry: boolean };

/** What to do with files that have the name of another picture. */
export type Choice = "skip" | "replace" | "keep";

/** Files that were added together: one choice holds for all of them, also for those that are sent later. */
interface Batch {
  choice: Choice | null;
}

/** A failure that sending the same again cannot mend. */
class FinalError extends Error {}

/** One file or one URL. */
export class Upload {
  readonly progress = signal<Progress>({ is: "waiting" });
  overwrite = false;
  private sending = new AbortController();
  private patience: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly id: number,
    readonly source: File | string,
    readonly batch: Batch,
    /** The picture's name; for a URL the service may choose one. */
    public name: string | null,
    /** A blob: URL of the file, shown until there is a thumbnail. */
    readonly preview: string | null,
  ) {}

  get title(): string {
    return this.name ?? String(this.source);
  }

  get isOver(): boolean {
    return this.isSettled || ["failed", "taken"].includes(this.progress.value.is);
  }

  /** Whether neither the page nor its user has anything left to do about it. */
  get isSettled(): boolean {
    return ["done", "late", "skipped"].includes(this.progress.value.is);
  }

  /** Show it as being sent. Returns the signal that ends this. */
  begin(): AbortSignal {
    this.sending = new AbortController();
    this.goOn(typeof this.source === "string" ? null : 0);
    return this.sending.signal;
  }

  /** Show how much was sent, and abort when nothing more is sent for a while. */
  goOn(part: number | null) {
    this.progress.value = { is: "sending", part };
    clearTimeout(this.patience);
    this.patience = setTimeout(() => this.sending.abort(new Error(strings.stalled)), STALLED);
  }

  /** Show that it is not being sent any more. */
  end(progress: Progress) {
    clearTimeout(this.patience);
    this.progress.value = progress;
  }

  abort() {
    this.sending.abort();
  }
}

export class Uploads {
  readonly all = signal<Upload[]>([]);
  private count = 0;
  private look = Promise.resolve<unknown>(null);

  /** Calls `beforeReplacing` before a picture is replaced, and `onSeen` when one is recognised. */
  constructor(
    private readonly api: Api,
    private readonly beforeReplacing: (image: string) => void,
    private readonly onSeen: (picture: Picture) => void,
  ) {
    effect(() => {
      if (api.needsKey.value === "no") untracked(() => this.pump()); // what a refused key stopped goes on
    });
    addEventListener("beforeunload", (event) => {
      const isLost = (upload: Upload) => ["waiting", "sending"].includes(upload.progress.value.is);
      if (this.all.value.some(isLost)) event.preventDefault(); // the browser asks
    });
  }

  addFiles(files: Iterable<File>) {
    const batch = { choice: null };
    this.add(
      [...files].map(
        (file) => new Upload(++this.count, file, batch, file.name, typeOf(file) && URL.createObjectURL(file)),
      ),
    );
  }

  addUrls(urls: string[]) {
    const batch = { choice: null };
    this.add(urls.map((url) => new Upload(++this.count, url, batch, null, null)));
  }

  /** Those that wait for a choice, as their names are taken. */
  get taken(): Upload[] {
    return this.all.value.filter((upload) => upload.progress.value.is === "taken");
  }

  /** Do this with all that wait for a choice, and with the rest of their batches. */
  chooseForAll(choice: Choice) {
    for (const upload of this.taken) {
      upload.batch.choice = choice;
      this.choose(upload, choice);
    }
  }

  private choose(upload: Upload, choice: Choice) {
    const { batch, title } = upload;
    // Of two files of one name, the second does not replace the first.
    const isOurs = this.all.value.some(
      (other) => other.batch === batch && other.title === title && !["taken", "skipped"].includes(other.progress.value.is),
    );
    if (choice === "skip") upload.progress.value = { is: "skipped" };
    else if (choice === "replace" && !isOurs) this.again(upload, { overwrite: true });
    else this.again(upload, { name: otherName(title) });
  }

  /** Send it again: under another name, or in the place of the picture that has its name. */
  again(upload: Upload, change: { name?: string; overwrite?: boolean } = {}) {
    upload.name = change.name ?? upload.name;
    upload.overwrite = change.overwrite ?? upload.overwrite;
    upload.progress.value = { is: "waiting" };
    this.pump();
  }

  drop(dropped: Upload[]) {
    this.all.value = this.all.value.filter((upload) => !dropped.includes(upload));
    for (const upload of dropped) {
      upload.abort();
      if (upload.preview) URL.revokeObjectURL(upload.preview);
    }
  }

  private add(uploads: Upload[]) {
    this.all.value = [...uploads, ...this.all.value];
    this.pump();
  }

  /** Send what waits. Of one name only one at a time: of forms that are used at once, the last would win. */
  private pump() {
    if (this.api.needsKey.value !== "no") return;
    const sending = this.all.value.filter((upload) => upload.progress.value.is === "sending");
    const waiting = this.all.value.filter((upload) => upload.progress.value.is === "waiting").reverse();
    for (const upload of waiting) {
      if (sending.length >= AT_ONCE) return;
      if (sending.some(({ title }) => title === upload.title)) continue;
      sending.push(upload);
      void this.run(upload);
    }
  }

  private async run(upload: Upload) {
    let by: string | null;
    try {
      by = await this.send(upload, upload.begin());
      upload.end({ is: "recognizing" });
    } catch (error) {
      this.fail(upload, error);
      return;
    } finally {
      this.pump();
    }
    await this.follow(upload, by);
  }

  private fail(upload: Upload, error: unknown) {
    const code = error instanceof ApiError ? error.code : "";
    if (code === "NameTaken") {
      upload.end({ is: "taken" });
      if (upload.batch.choice) this.choose(upload, upload.batch.choice);
    } else if (code === "Forbidden" && this.api.hasKeys) {
      upload.end({ is: "waiting" }); // for a key that is accepted; there may be one by now
    } else {
      const isFinal = error instanceof FinalError || (error instanceof ApiError && !error.isTransient);
      upload.end({ is: "failed", problem: inWords(error), canRetry: !isFinal });
    }
  }

  /** Store it. Returns the id of the call that stored it, or null if the same bytes were there already. */
  private async send(upload: Upload, signal: AbortSignal): Promise<string | null> {
    const { source, overwrite, title } = upload;
    if (overwrite) this.beforeReplacing(title);
    if (typeof source === "string") {
      try {
        const stored = await this.api.store(source, upload.name, overwrite, signal);
        upload.name = stored.image;
        return stored.request_id;
      } catch (error) {
        if (error instanceof ApiError && error.code === "NameTaken") upload.name ??= nameIn(source);
        throw error;
      }
    }
    const type = typeOf(source);
    if (!type) throw new FinalError(strings.notTaken);
    const hash = source.size <= MAX_HASHED_BYTES ? { md5: await md5Of(source, signal) } : {};
    const form = await this.api.form({ name: title, content_type: type, ...hash }, overwrite, signal);
    if (!form) return null;
    if (source.size > form.max_bytes) throw new FinalError(strings.tooLarge(source.size, form.max_bytes));
    await post(form, source, signal, (part) => upload.goOn(part));
    return form.request_id;
  }

  /** Wait until the picture is recognised; `by` is the id of the call that stored it. */
  private async follow(upload: Upload, by: string | null) {
    const end = Date.now() + FOLLOWED_MINUTES * 60_000;
    for (let wait = FIRST_LOOK; Date.now() < end; wait = Math.min(wait * 1.4, RAREST_LOOK)) {
      await pause(wait);
      await this.turn();
      if (!this.all.value.includes(upload)) return;
      const picture = await this.api.picture(upload.title).catch(() => null); // a look that failed is repeated
      if (picture && (by === null || picture.correlation_id === by)) {
        this.onSeen(picture);
        upload.progress.value = { is: "done", picture, wasThere: by === null };
        return;
      }
    }
    upload.progress.value = { is: "late" };
  }

  /** Return when the next look may be. */
  private turn(): Promise<unknown> {
    const turn = this.look;
    this.look = turn.then(() => pause(BETWEEN_LOOKS));
    return turn;
  }
}

function typeOf(file: File): string | null {
  const known = Object.values(TYPES);
  if (known.includes(file.type)) return file.type;
  return TYPES[/\.([^.]+)$/.exec(file.name)?.[1]?.toLowerCase() ?? ""] ?? null;
}

/** The last part of the URL's path, as the service names pictures without a name. */
function nameIn(url: string): string | null {
  try {
    return decodeURIComponent(new URL(url).pathname.split("/").at(-1) ?? "") || null;
  } catch {
    return null;
  }
}

/** A name for a file that has a taken one: the same with the next number, as in "cat (2).jpg". */
export function otherName(name: string): string {
  const [, stem = name, number, end = ""] = /^(.*?)(?: \((\d{1,4})\))?(\.[^./]*)?$/.exec(name) ?? [];
  return `${stem} (${Number(number ?? 1) + 1})${end}`;
}

/** Post a form with a file; fetch() would not tell how far it is. */
function post(form: Form, file: File, signal: AbortSignal, onPart: (part: number) => void): Promise<void> {
  const body = new FormData();
  for (const [name, value] of Object.entries(form.fields)) body.append(name, value);
  body.append("file", file);
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.upload.onprogress = (event) => onPart(event.loaded / event.total);
    request.onload = () => {
      if (request.status < 300) return resolve();
      const reason = /<Message>([^<]*)</.exec(request.responseText)?.[1];
      // An expired form (403) is replaced by trying again; what breaks its rules (400) breaks them again.
      const Refusal = request.status === 400 ? FinalError : Error;
      reject(new Refusal(reason ? strings.refusedByStore(reason) : strings.noWords(request.status)));
    };
    request.onerror = () => reject(new Error(strings.unreachable));
    request.onabort = () => reject(signal.reason);
    signal.addEventListener("abort", () => request.abort());
    request.open("POST", form.url);
    request.send(body);
  });
}
