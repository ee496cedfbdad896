/** Pictures on their way in: sent a few at once, then followed until it is known what is in them. */

import { signal } from "@preact/signals";
import { type Api, ApiError, type Form, inWords, pause, type Picture } from "./api";
import { strings } from "./strings";

const AT_ONCE = 4;
const STALLED = 35_000; // ms in which nothing was sent; the service answers within 30,000
const FIRST_LOOK = 400; // ms; then ever more rarely
const RAREST_LOOK = 5000;
const BETWEEN_LOOKS = 250; // however many are followed
const FOLLOWED_MINUTES = 10;

/** What the service takes, by how files end: not every system knows the media types of all. */
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
  | { is: "waiting" | "recognizing" | "late" }
  | { is: "sending"; part: number | null }
  | { is: "done"; picture: Picture }
  | { is: "taken" }
  | { is: "failed"; problem: string };

/** One file or one URL. */
export class Upload {
  readonly progress = signal<Progress>({ is: "waiting" });
  overwrite = false;
  private sending = new AbortController();
  private patience: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly id: number,
    readonly source: File | string,
    /** What it is to be called; of a URL the service may choose. */
    public name: string | null,
    /** An address of the file in this browser, to show meanwhile. */
    readonly preview: string | null,
  ) {}

  get title(): string {
    return this.name ?? String(this.source);
  }

  get isOver(): boolean {
    return this.isStored || ["failed", "taken"].includes(this.progress.value.is);
  }

  /** Whether nothing is left to be done about it. */
  get isStored(): boolean {
    return ["done", "late"].includes(this.progress.value.is);
  }

  /** It is being sent from now on, until this signal. */
  begin(): AbortSignal {
    this.sending = new AbortController();
    this.goOn(typeof this.source === "string" ? null : 0);
    return this.sending.signal;
  }

  /** So much of it was sent; if nothing more is for a while, it is ended. */
  goOn(part: number | null) {
    this.progress.value = { is: "sending", part };
    clearTimeout(this.patience);
    this.patience = setTimeout(() => this.sending.abort(new Error(strings.stalled)), STALLED);
  }

  /** It is not being sent any longer. */
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

  /** `beforeReplacing` is told which picture is to be replaced, `onSeen` when it is known what is in one. */
  constructor(
    private readonly api: Api,
    private readonly beforeReplacing: (image: string) => void,
    private readonly onSeen: (picture: Picture) => void,
  ) {
    addEventListener("beforeunload", (event) => {
      const isLost = (upload: Upload) => ["waiting", "sending"].includes(upload.progress.value.is);
      if (this.all.value.some(isLost)) event.preventDefault(); // the browser asks
    });
  }

  addFiles(files: Iterable<File>) {
    this.add(
      [...files].map(
        (file) => new Upload(++this.count, file, file.name, typeOf(file) && URL.createObjectURL(file)),
      ),
    );
  }

  addUrls(urls: string[]) {
    this.add(urls.map((url) => new Upload(++this.count, url, null, null)));
  }

  /** Try it again: under another name, or in the place of what has its name. */
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
      const isTaken = error instanceof ApiError && error.code === "NameTaken";
      upload.end(isTaken ? { is: "taken" } : { is: "failed", problem: inWords(error) });
      return;
    } finally {
      this.pump();
    }
    await this.follow(upload, by);
  }

  /** Store it; by which call, or null if it was there already. */
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
    if (!type) throw new Error(strings.notTaken);
    const form = await this.api.form(title, type, overwrite, signal);
    if (source.size > form.max_bytes) throw new Error(strings.tooLarge(source.size, form.max_bytes));
    await post(form, source, signal, (part) => upload.goOn(part));
    return form.request_id;
  }

  /** Wait until it is known what is in the picture that this call has stored. */
  private async follow(upload: Upload, by: string | null) {
    const end = Date.now() + FOLLOWED_MINUTES * 60_000;
    for (let wait = FIRST_LOOK; Date.now() < end; wait = Math.min(wait * 1.4, RAREST_LOOK)) {
      await pause(wait);
      await this.turn();
      if (!this.all.value.includes(upload)) return;
      const picture = await this.api.picture(upload.title).catch(() => null); // a look that failed is repeated
      if (picture && (by === null || picture.correlation_id === by)) {
        this.onSeen(picture);
        upload.progress.value = { is: "done", picture };
        return;
      }
    }
    upload.progress.value = { is: "late" };
  }

  /** When the next look may be. */
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

/** Another name like this one, which is taken. */
export function otherName(name: string): string {
  const [, stem = name, number, end = ""] = /^(.*?)(?:-(\d{1,4}))?(\.[^./]*)?$/.exec(name) ?? [];
  return `${stem}-${Number(number ?? 1) + 1}${end}`;
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
      reject(new Error(reason ? strings.refusedByStore(reason) : strings.noWords(request.status)));
    };
    request.onerror = () => reject(new Error(strings.unreachable));
    request.onabort = () => reject(signal.reason);
    signal.addEventListener("abort", () => request.abort());
    request.open("POST", form.url);
    request.send(body);
  });
}
