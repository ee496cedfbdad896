/** Pictures on their way in: sent a few at once, then followed until it is known what is in them. */

import { signal } from "@preact/signals";
import { type Api, ApiError, inWords, pause, type Picture } from "./api";
import { strings } from "./strings";

const AT_ONCE = 4;
const FIRST_LOOK = 400; // ms; then ever more rarely
const RAREST_LOOK = 5000;
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
    return ["done", "failed", "taken", "late"].includes(this.progress.value.is);
  }
}

export class Uploads {
  readonly all = signal<Upload[]>([]);
  private count = 0;
  private sending = 0;

  /** `onSeen` is told when something is known of a picture. */
  constructor(
    private readonly api: Api,
    private readonly onSeen: (picture: Picture) => Promise<void>,
  ) {}

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
    for (const { preview } of dropped) if (preview) URL.revokeObjectURL(preview);
    this.all.value = this.all.value.filter((upload) => !dropped.includes(upload));
  }

  private add(uploads: Upload[]) {
    this.all.value = [...uploads, ...this.all.value];
    this.pump();
  }

  private pump() {
    const waiting = this.all.value.filter((upload) => upload.progress.value.is === "waiting").reverse();
    for (const upload of waiting.slice(0, AT_ONCE - this.sending)) {
      this.sending++;
      upload.progress.value = { is: "sending", part: null };
      void this.run(upload);
    }
  }

  private async run(upload: Upload) {
    let before: string | null = null;
    try {
      before = await this.send(upload);
      upload.progress.value = { is: "recognizing" };
    } catch (error) {
      const isTaken = error instanceof ApiError && error.code === "NameTaken";
      upload.progress.value = isTaken ? { is: "taken" } : { is: "failed", problem: inWords(error) };
      return;
    } finally {
      this.sending--;
      this.pump();
    }
    await this.follow(upload, before);
  }

  /** Store it; when what had this name until then was uploaded. */
  private async send(upload: Upload): Promise<string | null> {
    const { source, overwrite } = upload;
    if (typeof source === "string") {
      const before = overwrite && upload.name ? await this.api.picture(upload.name) : null;
      try {
        upload.name = await this.api.store(source, upload.name, overwrite);
      } catch (error) {
        if (error instanceof ApiError && error.code === "NameTaken") upload.name ??= nameIn(source);
        throw error;
      }
      return before?.uploaded_at ?? null;
    }
    const type = typeOf(source);
    if (!type) throw new Error(strings.notTaken);
    const name = upload.name ?? source.name;
    const before = overwrite ? await this.api.picture(name) : null;
    const form = await this.api.form(name, type, overwrite);
    if (!form.url) return null;
    if (form.max_bytes && source.size > form.max_bytes) throw new Error(strings.tooLarge(source.size, form.max_bytes));
    await post(form.url, form.fields ?? {}, source, (part) => (upload.progress.value = { is: "sending", part }));
    return before?.uploaded_at ?? null;
  }

  private async follow(upload: Upload, before: string | null) {
    const end = Date.now() + FOLLOWED_MINUTES * 60_000;
    for (let wait = FIRST_LOOK; Date.now() < end; wait = Math.min(wait * 1.4, RAREST_LOOK)) {
      await pause(wait);
      if (!this.all.value.includes(upload)) return;
      const picture = await this.api.picture(upload.title).catch(() => null); // a look that failed is repeated
      if (picture && picture.uploaded_at !== before) {
        await this.onSeen(picture);
        upload.progress.value = { is: "done", picture };
        return;
      }
    }
    upload.progress.value = { is: "late" };
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
function post(url: string, fields: Record<string, string>, file: File, onPart: (part: number) => void): Promise<void> {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  form.append("file", file);
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.upload.onprogress = (event) => onPart(event.loaded / event.total);
    request.onload = () => {
      if (request.status < 300) return resolve();
      const reason = /<Message>([^<]*)</.exec(request.responseText)?.[1];
      reject(new Error(reason ? strings.refusedByStore(reason) : strings.noWords(request.status)));
    };
    request.onerror = () => reject(new Error(strings.unreachable));
    request.open("POST", url);
    request.send(form);
  });
}
